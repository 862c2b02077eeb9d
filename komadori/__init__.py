"""Stories and recordings become manga panels, as background jobs that survive anything."""
