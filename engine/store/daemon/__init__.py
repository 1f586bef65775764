"""What daemons keep of their own work: who lives, what waits, how large it all is, and what may go."""
