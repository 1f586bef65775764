"""A decision while it is taken: its context, the run in transition, and the effects it asks of the world."""
