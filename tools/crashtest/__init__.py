"""The crash test: real daemons that are killed at random, sinks that count, and a verdict in five words."""
