"""When something is due: waits, occurrences, time zones, quiet hours, and hours that were learned."""
