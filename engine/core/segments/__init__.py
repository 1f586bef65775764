"""Who belongs to a segment, and how membership changes."""
