"""The wire format of Replicate (predictions)."""
