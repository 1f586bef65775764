"""Conditions as written: lines, forms, how often an event happened, and all of it in words again."""
