"""Names resolved and values typed: conditions as written to conditions that can be asked."""
