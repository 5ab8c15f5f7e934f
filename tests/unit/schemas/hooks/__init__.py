"""Hooks: what they are and what they decide."""
