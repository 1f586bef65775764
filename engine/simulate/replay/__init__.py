"""Recorded events through the journeys of today, on a virtual clock."""
