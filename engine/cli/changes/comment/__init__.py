"""The comment that reviewers of a change read, in Markdown."""
