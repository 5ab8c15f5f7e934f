"""What hooks are, what they decide, and the deciders that need nothing but what they are given. No I/O, no clocks."""
