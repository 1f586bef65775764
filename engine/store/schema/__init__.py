"""The tables. Rows never leave the store."""
