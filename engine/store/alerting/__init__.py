"""What the people of a shop are told of its store: alerts, what is wrong for as long as it lasts, reports."""
