"""The eleven verbs: one file for each kind of step, with its table of keys and its parser."""
