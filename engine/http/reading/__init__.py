"""What dashboards and notebooks read: reports, journeys, customers."""
