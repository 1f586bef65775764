"""The channel `via: smtp`: connections, bytes, signatures, and mail that comes back."""
