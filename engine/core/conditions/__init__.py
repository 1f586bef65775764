"""Questions about one customer: the typed tree, its closures, what it looks at, and the words for the
trace."""
