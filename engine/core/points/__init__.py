"""Points and tiers: a ledger in which each cause counts once, and what follows from it."""
