"""What the shop and its pages send: events and customers, in our own format and in the Segment format."""
