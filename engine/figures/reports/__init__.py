"""The reports, one by one: what each is made of."""
