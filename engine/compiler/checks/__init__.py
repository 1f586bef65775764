"""What can be wrong with a journey beyond its form, one check per file."""
