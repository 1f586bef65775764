"""Customers as a whole: who fits a condition, who is in a segment, how many there are of which kind."""
