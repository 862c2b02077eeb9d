"""What the file beside a workflow says: which input of which node gets what, and what is allowed.

The graph itself stays as ComfyUI exported it; nodes are named by their title or their id.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from komadori.domain.workflows import Scalar, Words

Pixels = Annotated[int, Field(ge=1, le=2**31)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
OptionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Frames = Annotated[int, Field(ge=1, le=10_000)]
Fps = Annotated[float, Field(gt=0, le=240)]


def _text(value: Any) -> Any:
    """Take ids as numbers, too: YAML reads `node: 6` as one."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _tuple(value: Any) -> Any:
    return (value,) if isinstance(value, dict | BaseModel) else value


def _words(value: Any) -> Any:
    if not isinstance(value, str | dict | Words):
        wanted = "a text in quotes, or one for each language: {en: …, zh: …}"
        raise ValueError(f"it must be {wanted}")  # noqa: TRY004 - pydantic tells only of this one
    for language in value if isinstance(value, dict) else ():
        if language not in Words.model_fields:
            known = ", ".join(Words.model_fields)
            raise ValueError(f"{language!r} is no language here; the languages are: {known}")
    return value


def _between(least: int, most: int) -> AfterValidator:
    """Limit how many characters a text has in each language."""

    def check(words: Words) -> Words:
        for text in (words.en, words.zh or words.en):
            if not least <= len(text) <= most:
                raise ValueError(f"it must have {least} to {most} characters")
        return words

    return AfterValidator(check)


NodeName = Annotated[Name, BeforeValidator(_text)]
Label = Annotated[Words, BeforeValidator(_words), _between(1, 60)]
Note = Annotated[Words, BeforeValidator(_words), _between(0, 300)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _knows_all_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    keys = ", ".join(cls.model_fields)
                    raise ValueError(f"{key!r} is no key here; the keys are: {keys}")
        return data


class Place(_Part):
    """One input of one node. node: its title, or its id. input: the name of the field."""

    node: NodeName
    input: Name


class SeedPlace(Place):
    """Where the seed goes.

    within: for an input that is no seed (a colour): seeds are spread over 0 to within - 1, so that
        neighbours differ much.
    """

    within: Annotated[int, Field(ge=2, le=2**32)] | None = None


class PicturePlace(_Part):
    """The node that loads a picture."""

    node: NodeName
    input: Name = "image"


class ReferencePlace(PicturePlace):
    """The node that loads a reference, and what becomes of it when there are fewer pictures.

    The node is removed then, and inputs that were linked to it are dropped, which is right where
    they are optional.
    remove: more nodes that are removed with it.
    bypass: nodes that are removed with it, and let through what was linked to their `input`.
    """

    remove: tuple[NodeName, ...] = ()
    bypass: tuple[Place, ...] = ()


Places = Annotated[tuple[Place, ...], BeforeValidator(_tuple)]
SeedPlaces = Annotated[tuple[SeedPlace, ...], BeforeValidator(_tuple)]


class OptionPlace(Place):
    """A further input that a person may set; its form is made from what ComfyUI says of the node.

    label: how the form calls it. default: instead of the value in the graph.
    min, max: narrower limits than the node's. choices: fewer choices than the node's.
    """

    label: Label | None = None
    default: Scalar | None = None
    min: float | None = None
    max: float | None = None
    choices: tuple[Scalar, ...] = ()


class Bindings(_Part):
    """Where what is asked for goes. Each is one place or a list of places.

    references: the nodes that load them, in order; the picture of the scene comes first.
    first_frame: the node that loads a clip's first picture.
    filename_prefix: left out, it is every input of this name.
    output: the node whose files are the result.
    """

    prompt: Places = ()
    negative: Places = ()
    seed: SeedPlaces = ()
    width: Places = ()
    height: Places = ()
    references: tuple[ReferencePlace, ...] = ()
    first_frame: PicturePlace | None = None
    frames: Places = ()
    fps: Places = ()
    filename_prefix: Places = ()
    output: NodeName | None = None

    @model_validator(mode="after")
    def _size_is_whole(self) -> Self:
        if bool(self.width) != bool(self.height):
            raise ValueError("width and height belong together: give both or neither")
        return self


class SizeRule(_Part):
    """Which sizes the model makes; others are fitted to them, with the shape kept."""

    multiple_of: Annotated[int, Field(ge=1, le=256)] = 8
    min_pixels: Pixels = 1
    max_pixels: Pixels | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.max_pixels is not None and self.max_pixels < self.min_pixels:
            raise ValueError("max_pixels must not be smaller than min_pixels")
        return self


class FrameRule(_Part):
    """How many frames a clip may have: a multiple of `multiple_of`, and `plus` more."""

    multiple_of: Annotated[int, Field(ge=1, le=64)] = 1
    plus: Annotated[int, Field(ge=0, le=63)] = 0
    min: Frames = 1
    max: Frames = 241

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not self.allowed:
            raise ValueError("no number from min to max is a multiple of multiple_of, plus `plus`")
        return self

    @property
    def allowed(self) -> range:
        """All numbers of frames that may be asked for."""
        first = self.min + (self.plus - self.min) % self.multiple_of
        return range(first, self.max + 1, self.multiple_of)


class Spec(_Part):
    """One workflow, as the file beside it describes it. Texts may be in several languages.

    label: how people see it. kind: what comes out. model: the model's name, for people.
    note: what people should know before they choose it.
    auto: whether it may be chosen for somebody who did not choose.
    min_references, max_references: how many pictures it needs, and can use.
    options: what else may be set, by name.
    sizes: which sizes it makes. frames: how long clips may be.
    fps: frames each second, where no input is bound to it or nothing was asked for.
    vram_gb: how much memory of the graphics card it is known to need.
    silent_limit_s: how long it may do nothing that is seen before it counts as stuck.
    """

    label: Label
    kind: Literal["image", "clip"] = "image"
    model: Annotated[str, StringConstraints(max_length=120)] = ""
    note: Note = Words(en="")
    auto: bool = True
    min_references: Annotated[int, Field(ge=0, le=100)] = 0
    max_references: Annotated[int, Field(ge=0, le=100)] | None = None
    bindings: Bindings = Bindings()
    options: dict[OptionName, OptionPlace] = {}
    sizes: SizeRule = SizeRule()
    frames: FrameRule = FrameRule()
    fps: Fps | None = None
    vram_gb: Annotated[float, Field(ge=0, le=10_000)] | None = None
    silent_limit_s: Annotated[float, Field(gt=0, le=86_400)] | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        bound = self.bindings
        if self.kind == "clip" and bound.first_frame is None:
            raise ValueError("bindings.first_frame must name the node that loads the first frame")
        if self.kind == "image" and (bound.first_frame or bound.frames or bound.fps):
            raise ValueError("bindings: first_frame, frames and fps are for kind: clip only")
        if self.auto and not bound.prompt:
            raise ValueError(
                "bindings.prompt must say where the prompt goes; "
                "write auto: false if there is no such place"
            )
        return self

    @model_validator(mode="after")
    def _references_add_up(self) -> Self:
        nodes = len(self.bindings.references)
        most = nodes if self.max_references is None else self.max_references
        if most > nodes:
            raise ValueError(f"max_references is {most}, and bindings.references has {nodes} nodes")
        if self.min_references > most:
            raise ValueError(f"min_references is {self.min_references}; at most {most} are taken")
        return self
