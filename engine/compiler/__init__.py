"""From written to runnable: the only place that knows both the language and the core."""
