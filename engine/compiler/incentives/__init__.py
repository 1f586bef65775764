"""Offers, points and tiers of config.yaml, with what the catalogue says."""
