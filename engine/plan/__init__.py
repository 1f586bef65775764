"""What a change of the files does: to what is sent, and to whoever is inside a journey."""
