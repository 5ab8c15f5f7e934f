"""The wire formats of Voyage AI."""
