"""Planned messages leave: workers of channels, rendering, rates, limits, unknowns, webhooks."""
