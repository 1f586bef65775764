"""Checks of one journey: each step for itself, and along every path."""
