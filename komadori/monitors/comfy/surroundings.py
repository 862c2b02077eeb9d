"""What a server may know of our own environment, and what is never told of it.

Custom nodes are programs of strangers: keys of providers and passwords of databases are not theirs.
"""

import re
from collections.abc import Collection, Mapping

_SECRET = re.compile(
    r"(?:KEYS?(?:_ID)?|TOKENS?|SECRETS?|PASS(?:WORDS?|WD|PHRASE)?|CREDENTIALS?|_PWD|_DSN)(?:_|$)|_AUTH$"
    r"|CREDENTIAL|SECRET|PASSWORD",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"(?i)^(?:KOMADORI_|PG|POSTGRES|MYSQL_|MARIADB_|REDIS|DATABASE_|DB_|SQLALCHEMY_"
    r"|AWS_|AZURE_|OPENAI_|ANTHROPIC_|ARK_|VOLC|DASHSCOPE_|GEMINI_|REPLICATE_|STABILITY_)"
)
"""Of our settings, of databases and of providers."""
_WITH_PASSWORD = re.compile(r"://[^\s/:@]*:(?P<password>[^\s/@]+)@")
_PROXY = re.compile(r"(?i)_proxy$")
"""Without these it reaches nothing; their passwords are taken out of what is told."""
_SHORTEST = 6


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what of our environment a server gets."""
    return {name: value for name, value in environment.items() if _may_know(name, value)}


def _may_know(name: str, value: str) -> bool:
    return not (_OTHERS.search(name) or _is_secret(name, value))


def _is_secret(name: str, value: str) -> bool:
    if _PROXY.search(name):
        return False
    return bool(_SECRET.search(name) or _WITH_PASSWORD.search(value))


def untold(environment: Mapping[str, str], own: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values that are told to nobody, longest first. `own`: the server's setting."""
    values = {value for name, value in environment.items() if _is_secret(name, value)}
    values |= set(own.values())
    told = (*environment.values(), *own.values())
    values |= {found["password"] for value in told for found in _WITH_PASSWORD.finditer(value)}
    return tuple(sorted((one for one in values if len(one) >= _SHORTEST), key=len, reverse=True))


def hide(text: str, values: Collection[str]) -> str:
    """Take values out of a text."""
    for value in values:
        text = text.replace(value, "***")
    return text
