"""Rows of customers and of what belongs to them: facts, events, consent, suppressions, codes, other ids."""
