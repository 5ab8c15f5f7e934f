"""Views held against the log, row for row, in the memory of a few batches: what differs is named."""
