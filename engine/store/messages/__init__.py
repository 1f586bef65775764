"""Rows of what leaves and comes back: the outbox, outcomes, reports, reactions, limits, webhooks."""
