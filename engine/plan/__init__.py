"""The files against what is deployed: what changes, in words and in effect."""
