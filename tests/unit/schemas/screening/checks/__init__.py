"""Tests of the checks that follow a pattern, against published numbers."""
