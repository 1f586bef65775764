"""From a folder to a deployment: matching people in flight, one-off sends, following what others deploy."""
