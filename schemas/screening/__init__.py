"""Screening as data and pure rules: what a rule, a hit and a verdict are. Engines live in projections."""
