"""Ids: random, URL-safe, and told apart by type. One id names the work everywhere."""

import secrets
from typing import NewType

JobId = NewType("JobId", str)
StepId = NewType("StepId", str)
SessionId = NewType("SessionId", str)
ArtifactId = NewType("ArtifactId", str)


def new_id() -> str:
    """Return 20 random hexadecimal digits (80 bits)."""
    return secrets.token_hex(10)
