"""Everything from outside becomes rows of the inbox: HTTP, imports, sign-ups."""
