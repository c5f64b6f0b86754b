"""A release's behaviour: what publishing freezes, and what a host makes an agent from."""

from typing import Literal

from pydantic import Field

from agents.stream import Json
from foundation.turns import Value
from graphs.confidence.calibration import Calibration
from graphs.policies.rules import Rule

ChannelMode = Literal["off", "suggest", "autonomous"]
"""off: a person answers. suggest: the agent's answer is a draft for a person. autonomous: it is sent."""


def channel_mode(behaviour: Json, channel: str) -> ChannelMode:
    """Return what a release lets the agent do on a channel; `behaviour` is as stored, maybe long ago."""
    mode: ChannelMode = behaviour.get("channels", {}).get(channel, "autonomous")
    return mode


class Settings(Value):
    """What a tenant sets of its agent besides policies; what is left out is as the graph config says."""

    threshold: float | None = Field(default=None, ge=0, le=1)
    """The confidence below which the agent says that it does not know."""
    double_texting: Literal["enqueue", "merge", "interrupt", "reject"] | None = None
    channels: dict[str, ChannelMode] = Field(default_factory=dict, max_length=20)
    """By channel (`api`, `widget`); a channel that is not named is autonomous."""


class Behaviour(Value):
    """One release. Stored as JSON; fields are only ever added, with defaults that keep old releases as they
    were.
    """

    graph: str = "support"
    double_texting: Literal["enqueue", "merge", "interrupt", "reject"] = "enqueue"
    threshold: float | None = None
    policies: tuple[Rule, ...] = ()
    channels: dict[str, ChannelMode] = Field(default_factory=dict)
    calibration: Calibration = Calibration()
    """What the tenant's ratings made of the confidence when this was published."""
