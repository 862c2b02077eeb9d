"""Keeps ComfyUI servers alive: one supervisor a server, and what it needs to see and to act."""
