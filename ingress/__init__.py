"""HTTP in, facts out: the gateway for applications and the admin plane for operators."""
