"""The embedded stack: the four services Nexus stands on, each started from its wheel. No business rule lives here."""
