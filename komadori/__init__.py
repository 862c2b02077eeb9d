"""Komadori turns stories and recordings into manga panels, as background jobs that survive anything."""
