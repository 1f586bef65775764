"""`report experiments`: what holdouts and splits show, and how sure that is."""
