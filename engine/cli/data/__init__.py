"""Commands about the shop's data: brought in, looked after, and summed up in reports."""
