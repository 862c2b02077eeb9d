"""Servers, models and renderers that are called to make things. They know nothing of jobs."""
