"""Wire formats, sans-I/O: bytes in, structs out. No sockets, no clocks."""
