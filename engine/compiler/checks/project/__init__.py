"""Checks that can only be made over all files: config.yaml, segments, journeys beside each other."""
