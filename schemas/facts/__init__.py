"""Facts that are not configuration, one file a stream. Configuration facts live beside their aggregates."""
