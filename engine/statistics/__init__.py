"""Plain statistics of randomised experiments: numbers in, numbers out, no I/O, the same every time."""
