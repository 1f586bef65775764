"""The strict reader below the language: YAML events to nodes with positions, and what is refused."""
