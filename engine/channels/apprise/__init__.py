"""The channel `via: apprise`."""
