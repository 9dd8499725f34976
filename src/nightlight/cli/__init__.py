"""Commands, thin; and the composition root, the only place that knows both the settings and the store."""
