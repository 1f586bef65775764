"""A make-believe shop with customers, history and providers on loopback."""
