"""The wire format of MiniMax (chatcompletion_v2)."""
