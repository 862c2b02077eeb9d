"""WHAT a step does: the work itself, with no idea of queues, tables or pages."""
