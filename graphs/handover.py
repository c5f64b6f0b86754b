"""Errors after which no agent may go on by itself."""

from foundation.errors import ReplikError


class NeedsPerson(ReplikError):
    """A person must go on from here.

    A run that ends with it is not repeated: whoever runs turns hands the conversation over.
    """

    code = "needs_person"
    status = 409


class ProcedureOutdated(NeedsPerson):
    """The unfinished procedure belongs to another version of the agent."""

    code = "procedure_outdated"


class ProcedureUnreadable(NeedsPerson):
    """The unfinished procedure cannot be read."""

    code = "procedure_unreadable"
