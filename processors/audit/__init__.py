"""Copies the log into Postgres: requests, findings, spend, configuration."""
