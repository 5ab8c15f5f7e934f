"""Facts out of the log once more, for a person or for a receiver by name. Views are rebuilt elsewhere."""
