"""Copies of a store: backed up, restored, carried over, and told from the store they were made of."""
