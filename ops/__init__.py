"""The operator's tools: what starts, inspects and repairs Nexus; no request is decided here."""
