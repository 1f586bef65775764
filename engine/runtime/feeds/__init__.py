"""The catalogue as the shop publishes it: fetched, read within bounds, judged as a whole, applied in
slices."""
