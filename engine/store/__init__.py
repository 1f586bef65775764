"""What survives a restart; rows never leave this package."""
