"""What each kind of step does: one file per kind."""
