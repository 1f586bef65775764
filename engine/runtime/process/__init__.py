"""What keeps the daemon alive: supervised loops, the scheduler, the instance lock, health, signals."""
