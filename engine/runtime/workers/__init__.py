"""Many processes on one PostgreSQL database: who they are, what each of them may do, and how they share a
rate."""
