"""Commands for who runs the daemon: start, look after, stop, back up and move it."""
