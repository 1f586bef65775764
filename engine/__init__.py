"""Perennial: retention marketing as code."""
