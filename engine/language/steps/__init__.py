"""The verbs: one file for each kind of step, with its class, its keys, its parser and every word about it."""
