"""Tests of the checkpoint worker's room."""
