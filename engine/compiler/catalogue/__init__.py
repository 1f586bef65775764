"""The words of a shop: attributes, facts, events and product fields, their types, and values of these
types."""
