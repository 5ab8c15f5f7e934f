"""Fixtures of the command line's tests."""

from __future__ import annotations

from tests.unit.ops.cli.admin_fixture import admin

__all__ = ["admin"]
