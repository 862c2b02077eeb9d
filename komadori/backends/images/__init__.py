"""Image backends: one protocol, several who speak it."""
