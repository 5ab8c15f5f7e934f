"""Terminal facts as security events of the Open Cybersecurity Schema Framework. Pure mapping; no sending."""
