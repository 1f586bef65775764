"""Rows of customers and of what belongs to them: facts, events, runs, consent, addresses."""
