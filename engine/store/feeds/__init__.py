"""What is known of the catalogue feed: which products came by it, and what became of it."""
