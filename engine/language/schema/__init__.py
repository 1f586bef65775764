"""The JSON Schemas of journeys that editors complete with."""
