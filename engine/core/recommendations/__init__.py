"""Which products a customer is shown: the rules of config.yaml, and the choice among what is known."""
