"""Inserts the log's requests into ClickHouse for analysts."""
