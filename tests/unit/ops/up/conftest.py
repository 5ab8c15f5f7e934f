"""Fixtures of the tests of a start: an admin plane over a log in memory."""

from __future__ import annotations

from tests.unit.ops.cli.admin_fixture import admin

__all__ = ["admin"]
