"""Learns and judges the weights by which screening tells how much a text reads like an attack."""
