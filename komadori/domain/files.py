"""What is known of a file that the artifact store holds."""

from dataclasses import dataclass

from komadori.domain.ids import ArtifactId


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file that the artifact store holds. Sizes in bytes and pixels."""

    id: ArtifactId
    media_type: str
    size_bytes: int
    sha256: str
    width: int
    height: int
