"""The table of daily counts, which every figure comes from: written with what it counts, summed when read."""
