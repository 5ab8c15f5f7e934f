"""Routing decisions as pure functions: which targets, in which order, and when an account is left alone."""
