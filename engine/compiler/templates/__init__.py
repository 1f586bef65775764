"""Templates made ready to run: the sandboxed language, layouts, MJML, CSS, limits."""
