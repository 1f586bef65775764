"""What the author wrote: text in, typed syntax with positions and problems out."""
