"""The channel `via: outbox`."""
