"""What two journeys have to do with each other: whom both reach, on which days, and what they offer."""
