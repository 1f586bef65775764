"""The catalogue: what products cost, who watches them, and who is still to be told of a change."""
