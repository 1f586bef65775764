"""The catalogue as journeys see it: prices and stock that change, and who watches."""
