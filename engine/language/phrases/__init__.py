"""Small phrases of the language: lengths, moments, conditions, forms, weekdays."""
