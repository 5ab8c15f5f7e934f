"""Tests of the pure routing rules."""
