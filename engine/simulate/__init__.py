"""Journeys without the outside world: stories and replay."""
