"""Commands about single customers and groups of them: what is known, why, and what is kept."""
