"""One person: their ids joined, and everything that is kept of them handed out or forgotten."""
