"""Views of the log in ClickHouse: tables, inserts that may be repeated, rollups. All SQL for ClickHouse lives here."""
