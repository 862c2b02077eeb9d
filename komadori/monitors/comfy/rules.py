"""The times and counts a supervisor goes by, made of the settings."""

from dataclasses import dataclass

from komadori.settings import ComfySettings

_HALF_OPEN_S = (300.0, 900.0, 3600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When something is done about a server."""

    interval_s: float = 3.0
    timeout_s: float = 5.0
    start_silent_s: float = 180.0
    start_most_s: float = 900.0
    silent_limit_s: float = 600.0
    wedge_s: float = 90.0
    backoff_s: tuple[float, ...] = (1, 2, 5, 10, 30, 60)
    crashes_most: int = 5
    crashes_within_s: float = 600.0
    starts_most: int = 3
    """So many failed starts in a row open the breaker."""
    half_open_s: tuple[float, ...] = _HALF_OPEN_S
    """The pauses after which a server that was given up is tried again."""
    steady_s: float = 600.0
    """A server that was well for so long starts anew with its attempts."""
    good_prompts: int = 3
    """... or one that has done so many prompts."""
    misses_most: int = 3
    """So many refusals in a row and a server of others is down."""
    idle_pending_s: float = 30.0
    """Prompts wait and none runs for so long: the thread that runs them is dead."""
    port_look_s: float = 10.0
    """How often it is looked whether somebody else's program has given the port back."""
    sample_s: float = 10.0
    """How often a moment is kept."""
    holds_s: float = 20.0
    """Use over a limit is no peak when it has lasted so long."""
    free_takes_s: float = 30.0
    """How long memory may take to be freed."""
    relief_again_s: float = 600.0
    """For so long nothing more is done about the memory of a server than was done."""
    offers_s: float = 300.0
    """How often a server is asked anew what it can run."""

    @classmethod
    def of(cls, settings: ComfySettings) -> "Rules":
        """Take the rules from the settings."""
        return cls(
            interval_s=settings.probe.interval_s,
            timeout_s=settings.probe.timeout_s,
            start_silent_s=settings.start_silent_s,
            start_most_s=settings.start_most_s,
            silent_limit_s=settings.silent_limit_s,
            wedge_s=settings.wedge_s,
            backoff_s=settings.backoff_s or (0.0,),
            crashes_most=settings.crashes_most,
            crashes_within_s=settings.crashes_within_minutes * 60,
            idle_pending_s=min(30.0, settings.wedge_s),
            port_look_s=max(settings.probe.interval_s, 10.0),
        )
