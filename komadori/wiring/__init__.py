"""Puts the parts together, for the entry points only: the queue gets the pipeline's functions."""
