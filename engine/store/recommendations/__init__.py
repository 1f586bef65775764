"""What customers are shown next: built at night by SQL, read for a batch of messages, noted when shown."""
