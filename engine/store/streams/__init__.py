"""The store as a stream of what happened, whole or without names, for files that leave it."""
