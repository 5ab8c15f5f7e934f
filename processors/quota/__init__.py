"""Money: terminal facts of TRAFFIC become spend on LEDGER, exactly once, and spend becomes the counters in Valkey."""
