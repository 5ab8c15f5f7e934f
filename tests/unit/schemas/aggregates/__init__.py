"""Tests of the aggregates: what is decided, and what comes of the facts."""
