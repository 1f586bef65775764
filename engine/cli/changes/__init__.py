"""Commands about a change of the files: what it means, does and costs, until it is deployed."""
