"""What each kind of step does: one file per kind, with its class and its line in `EXECUTES`."""
