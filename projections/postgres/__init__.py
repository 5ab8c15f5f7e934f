"""Views of the log in Postgres: migrations, writes with their position, queries. All SQL for Postgres lives here."""
