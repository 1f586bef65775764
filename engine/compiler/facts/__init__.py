"""Computed facts as an author writes them."""
