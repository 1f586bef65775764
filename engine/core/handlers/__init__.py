"""What follows when something happens: an event, a message's outcome, a product, a merge, a deployment."""
