"""Tests of `ingress.discovery`."""
