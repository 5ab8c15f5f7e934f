"""Tests of the pure rules of screening."""
