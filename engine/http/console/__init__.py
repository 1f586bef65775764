"""Pages for the shop itself, and what says how the daemon is: the outbox, previews, figures, the API."""
