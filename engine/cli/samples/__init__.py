"""A made-up customer and what happened to them, for looking at messages before anybody is written to."""
