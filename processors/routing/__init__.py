"""Follows how provider accounts do, over all gateways, and says so on DECISIONS."""
