"""Rows of deployments, enrollments, decisions and traces, and the figures of each journey."""
