"""Decisions in batches, and the recurring work over the whole base that leads to them."""
