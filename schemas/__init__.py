"""What is said and decided: facts, commands, aggregates, pure rules. No I/O, no await, nothing but msgspec."""
