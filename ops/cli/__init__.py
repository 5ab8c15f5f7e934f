"""The operator's commands, one file each. They speak HTTP to the admin plane and read the log; no other way in."""
