"""The life of a run: how it begins, goes from step to step, sends, reaches its goal."""
