"""One person: everything that is kept of them, handed out or forgotten."""
