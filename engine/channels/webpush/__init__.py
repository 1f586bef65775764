"""The channel `via: webpush`."""
