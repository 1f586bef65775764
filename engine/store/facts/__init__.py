"""Definitions of computed facts: which is in use, which is being counted beside it, and the pages of that."""
