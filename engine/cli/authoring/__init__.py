"""Commands for who writes journeys: start, complete, check, test, preview and draw them."""
