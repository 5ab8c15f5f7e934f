"""What is in Valkey: counters that budgets are borrowed against. It may be flushed at any time; the log knows all."""

from __future__ import annotations

from projections.valkey.lease import Reservation
from projections.valkey.leases import Leases
from projections.valkey.spent import SpentStore, WindowSpend

__all__ = ["Leases", "Reservation", "SpentStore", "WindowSpend"]
