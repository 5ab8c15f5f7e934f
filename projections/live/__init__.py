"""What a gateway must know to decide, folded from CONFIG into memory."""
