"""Stories of authors, each on its own clock."""
