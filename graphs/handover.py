"""Errors after which no agent may go on by itself."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from foundation.errors import ReplikError


class NeedsPerson(ReplikError):
    """A person must go on from here.

    A run that ends with it is not repeated: whoever runs turns hands the conversation over.
    """

    code = "needs_person"
    status = 409
    trace: Mapping[str, object] = MappingProxyType({})
    """What led to it, for staff."""


class PolicyHandover(NeedsPerson):
    """A policy gives the conversation to a person. `decisions` are the chain's, up to the one that did."""

    code = "policy_handover"

    def __init__(self, decisions: Sequence[Mapping[str, object]]) -> None:
        super().__init__()
        self.trace = {"policies": list(decisions)}


class PersonWanted(NeedsPerson):
    """The customer asked for a person, or accepted the offer of one."""

    code = "person_wanted"


class ChannelOff(NeedsPerson):
    """People answer on this channel."""

    code = "channel_off"


class Drafted(NeedsPerson):
    """The agent only suggests on this channel; its draft waits for a person."""

    code = "suggested"


class ProcedureOutdated(NeedsPerson):
    """The unfinished procedure belongs to another version of the agent."""

    code = "procedure_outdated"


class ProcedureUnreadable(NeedsPerson):
    """The unfinished procedure cannot be read."""

    code = "procedure_unreadable"
