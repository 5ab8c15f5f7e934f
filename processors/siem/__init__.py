"""Forwards every terminal fact to the SIEMs of its tenant, each target at its own pace from its own position."""
