"""What a receiver wants of a picture, and the picture that was prepared for it."""

from base64 import b64encode
from dataclasses import dataclass

JPEG, PNG, WEBP = "image/jpeg", "image/png", "image/webp"
LIMIT_KB_LEAST = 8
"""Below this no picture would be worth sending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the receiver takes. Part of the cache's key.

    `limit_kb` bounds the whole data URI as text, in units of 1024 characters: base64 makes
    four characters of three bytes, so that 300 KB leave about 225 KB to the picture itself.
    `keep_alpha` asks for WebP or PNG when a picture is really transparent somewhere and the
    receiver takes one of the two; it is laid on white otherwise.
    """

    limit_kb: int = 300
    media_types: tuple[str, ...] = (JPEG,)
    keep_alpha: bool = False

    def __post_init__(self) -> None:
        if self.limit_kb < LIMIT_KB_LEAST:
            raise ValueError(f"set limit_kb to {LIMIT_KB_LEAST} or more")
        if not {JPEG, PNG, WEBP} & set(self.media_types):
            raise ValueError(f"media_types must name one of {JPEG}, {PNG}, {WEBP}")

    @property
    def opaque_type(self) -> str:
        """What pictures without transparency are made into."""
        return next(kind for kind in (JPEG, WEBP, PNG) if kind in self.media_types)

    @property
    def alpha_type(self) -> str | None:
        """What pictures with transparency are made into; None: they are flattened."""
        kinds = (kind for kind in (WEBP, PNG) if kind in self.media_types)
        return next(kinds, None) if self.keep_alpha else None

    def bytes_max(self, media_type: str) -> int:
        """Return how large a picture may be so that its data URI keeps to the limit."""
        return (self.limit_kb * 1024 - len(_head(media_type))) // 4 * 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A picture that can be sent. `notes` are codes of what was done to it.

    Codes: pass_through, first_frame, orientation, icc, icc_ignored, sixteen_bit, flattened,
    reduced (to the side that is sent), shrunk (further, to fit), palette.
    """

    data: bytes
    media_type: str
    width: int
    height: int
    source_bytes: int
    source_width: int
    source_height: int
    seconds: float
    """Of preparing it, without the wait for a free thread; next to nothing if `from_cache`."""
    from_cache: bool = False
    notes: tuple[str, ...] = ()

    @property
    def data_uri(self) -> str:
        """The picture as text. Made anew by each call, in a third of a millisecond."""
        return _head(self.media_type) + b64encode(self.data).decode("ascii")


def _head(media_type: str) -> str:
    return f"data:{media_type};base64,"
