"""Workers on the log: one room each, FastStream at the door, a plain function inside."""
