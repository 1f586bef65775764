"""Pictures of a change, before and after: what customers see, and the journeys."""
