"""Alerts go out: what is wrong is looked for, put into messages, and told to operators and owners."""
