"""Everything that holds state: the log and its views, and all I/O to stores."""
