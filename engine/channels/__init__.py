"""How a message leaves: one file per channel, one vocabulary of outcomes."""
