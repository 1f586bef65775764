"""What the store knows, told in words: times, one customer's history, and why a message was sent or not."""
