"""Hostile bytes against every codec: what goes in, how it is mutated, what may come out. Nobody is served here."""
