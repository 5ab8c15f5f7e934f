"""Counting of tokens with public vocabularies. No provider is asked; what is only estimated is in `schemas.tokens`."""
