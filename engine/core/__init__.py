"""What the engine decides: pure functions, no clock, no I/O, no chance."""
