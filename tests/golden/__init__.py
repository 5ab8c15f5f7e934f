"""Bytes and shapes of every released fact: they must be readable for ever."""
