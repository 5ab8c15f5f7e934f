"""What well-known models cost, dated: data and the look-up in it. What a model of a tenant costs is in its own spec."""
