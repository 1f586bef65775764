"""The channel `via: http`: any provider that config.yaml describes."""
