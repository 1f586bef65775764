"""What was published and renamed, what is paused, one-off sends, and the trace of every decision."""
