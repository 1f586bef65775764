"""A journey as written becomes one that runs: its starts, steps, sends and waits."""
