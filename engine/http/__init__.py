"""What comes in by HTTP: events, callbacks, links, health."""
