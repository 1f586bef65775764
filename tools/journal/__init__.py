"""What a version of the program decided, recorded: every later version must decide the same."""
