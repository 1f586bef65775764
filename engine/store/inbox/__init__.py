"""What happened and is not applied yet, the queue of who is due, and customers in quarantine."""
