"""Files of customers, events and products: opened in any usual encoding, read row by row, turned into
items."""
