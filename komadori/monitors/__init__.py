"""WHETHER everything is alive."""
