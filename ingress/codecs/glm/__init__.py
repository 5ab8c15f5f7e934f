"""The wire format of Z.ai's GLM models (chat completions)."""
