"""Errors with a stable code, an HTTP status and safe data.

The class docstring is the message a client sees. Texts of other exceptions never leave the log.
"""

from collections.abc import Mapping
from typing import ClassVar

Safe = str | int | float | bool | None


class ReplikError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500

    def __init__(self, **data: Safe) -> None:
        super().__init__(self.message)
        self.data: Mapping[str, Safe] = data

    @property
    def message(self) -> str:
        """The one-line text that is safe to show."""
        return (type(self).__doc__ or "").strip().splitlines()[0]


class InvalidInput(ReplikError):
    """The request is not valid."""

    code = "invalid_input"
    status = 422


class InvalidId(ReplikError):
    """This is not a valid id."""

    code = "invalid_id"
    status = 404


class MalformedBody(ReplikError):
    """The request body cannot be read as what its Content-Type says."""

    code = "malformed_body"
    status = 400


class BodyTooLarge(ReplikError):
    """The request body is larger than allowed."""

    code = "body_too_large"
    status = 413


class Unauthorized(ReplikError):
    """A valid key or token is required."""

    code = "unauthorized"
    status = 401


class Forbidden(ReplikError):
    """This is not allowed."""

    code = "forbidden"
    status = 403


class IdentityRefused(ReplikError):
    """The identity of this visitor is not signed by this company's server, or is over."""

    code = "identity_refused"
    status = 403


class NotFound(ReplikError):
    """There is no such thing here."""

    code = "not_found"
    status = 404


class ConversationNotFound(NotFound):
    """There is no such conversation here."""

    code = "conversation_not_found"


class Conflict(ReplikError):
    """This is not possible in the present state."""

    code = "conflict"
    status = 409


class PreconditionFailed(ReplikError):
    """This was changed meanwhile; read it again and repeat the change."""

    code = "precondition_failed"
    status = 412


class MessageConflict(ReplikError):
    """This client message id was already used with another text."""

    code = "message_conflict"
    status = 409


class IdempotencyConflict(ReplikError):
    """This idempotency key was already used for another request."""

    code = "idempotency_conflict"
    status = 409


class TurnInProgress(ReplikError):
    """The agent is still answering; wait for the end of its turn."""

    code = "turn_in_progress"
    status = 409


class TurnInterrupted(ReplikError):
    """A newer message ended this turn; the answer to both comes with that one."""

    code = "turn_interrupted"
    status = 409


class QueueFull(ReplikError):
    """Too much is waiting to be answered; try again in a moment."""

    code = "queue_full"
    status = 429


class RateLimited(ReplikError):
    """These are more requests than are allowed; try again when `Retry-After` says."""

    code = "rate_limited"
    status = 429


class RequestTooSlow(ReplikError):
    """The request did not arrive in time."""

    code = "request_too_slow"
    status = 408


class AnswerTooSlow(ReplikError):
    """This takes too long; try again later."""

    code = "answer_too_slow"
    status = 504


class TurnTimeout(ReplikError):
    """The answer is not ready yet; ask again in this conversation with the same client message id."""

    code = "turn_timeout"
    status = 504


class DependencyUnavailable(ReplikError):
    """A part of the service is unavailable; try again soon."""

    code = "dependency_unavailable"
    status = 503


class ModelFailed(ReplikError):
    """The language model did not answer."""

    code = "model_failed"
    status = 502


class StartError(ReplikError):
    """Replik cannot start."""

    code = "start_failed"

    def __init__(self, sentence: str) -> None:
        """`sentence` names the setting and the remedy, in one line."""
        super().__init__()
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


class OwnershipLost(ReplikError):
    """Another host owns this conversation now."""

    code = "ownership_lost"
    status = 409


class LeaseLost(OwnershipLost):
    """This host has no lease now; whether it still owns the conversation will be seen when it has one."""


class ExtractionFailed(ReplikError):
    """No text could be read from this document."""

    code = "extraction_failed"
    status = 422
