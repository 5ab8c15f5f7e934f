"""The bundled mock provider: OpenAI's wire format for demos, tests and benchmarks; never for real traffic."""

from __future__ import annotations

from ops.mock.routes import Stats
from ops.mock.server import MockProvider, Received, running_mock

__all__ = ["MockProvider", "Received", "Stats", "running_mock"]
