"""The load test's customers, as Locust runs them: `locust -f tests/loadtest/users.py`, or `make loadtest`.

`KEY` and `WIDGET_KEY` in the environment are server keys and publishable keys, one a tenant, with commas
between. `PAUSE` is what a customer thinks between two questions, in seconds. Every answered question is an
event of the kind `TURN` in the report, named after the scenario: its time is how long the customer waited for
the whole answer.
"""

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from uuid import uuid4

import requests
from locust import HttpUser, constant, task  # makes `time.sleep` and sockets yield to other customers

from tests.loadtest.follow import Broken, Following, parse

QUESTIONS = (
    "Hur länge har jag på mig att returnera?",
    "Vad kostar frakten?",
    "How do I choose the right boot size?",
    "Do you ship to Norway?",
)
PATIENCE_S = 90.0
"""How long a customer waits for an answer."""
TIDE_S = 2.0
"""All customers of the storm come back at the whole multiples of this, also those of other machines."""
TURNS = 5
"""Questions in one conversation."""
_TRIES = 20
_QUIET_S = 20.0
"""Longer than the service lets a stream be silent."""

_KEYS = [key for key in os.environ.get("KEY", "").split(",") if key]
_WIDGET_KEYS = [key for key in os.environ.get("WIDGET_KEY", "").split(",") if key]
_NUMBERS = itertools.count()


class Clock:
    """Runs from when the customer begins to wait."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()

    def restart(self) -> None:
        self.begun = time.perf_counter()


class Customer(HttpUser):
    """What all customers can do."""

    abstract = True
    scenario: ClassVar[str]
    wait_time = constant(float(os.environ.get("PAUSE", "1")))

    def on_start(self) -> None:
        self.number = next(_NUMBERS)
        self.asked = 0

    def question(self) -> str:
        self.asked += 1
        return QUESTIONS[(self.number + self.asked) % len(QUESTIONS)]

    @contextmanager
    def turn(self) -> Iterator[Clock]:
        """Report the block as one answered question, or as a failure."""
        clock, failure = Clock(), None
        try:
            yield clock
        except (Broken, requests.RequestException) as error:
            failure = error
            self.forget()
        self._report("TURN", (time.perf_counter() - clock.begun) * 1000, failure)

    def forget(self) -> None:
        """Begin anew after a failure."""

    def post(self, path: str, name: str, key: str, body: dict[str, Any], **headers: str) -> Any:
        """Return the JSON of the answer; when the service is full, come back when it says.

        Raises:
            Broken: an error, or full every time.
        """
        for _ in range(_TRIES):
            with self.client.post(
                path,
                name=name,
                json=body,
                headers={"Authorization": f"Bearer {key}"} | headers,
                timeout=PATIENCE_S,
                catch_response=True,
            ) as response:
                if response.status_code != 429:
                    _expect(response, 200, 201, 202)
                    return response.json()
                response.success()
            self._report("REFUSED", 0.0, None)
            time.sleep(float(response.headers["Retry-After"]))
        raise Broken(f"refused {_TRIES} times")

    def _report(self, kind: str, milliseconds: float, failure: Exception | None) -> None:
        self.environment.events.request.fire(
            request_type=kind,
            name=self.scenario,
            response_time=milliseconds,
            response_length=0,
            exception=failure,
            context={},
        )


def _expect(response: Any, *statuses: int) -> None:
    """Say in the report, and to the customer, when the status is another one."""
    if response.status_code in statuses:
        response.success()
        return
    text = f"status {response.status_code}: {response.text[:200]}"
    response.failure(text)
    raise Broken(text)


class WidgetChat(Customer):
    """A visitor with the widget: send, and follow one stream that resumes after every question."""

    scenario = "widget"
    path: str | None = None

    @task
    def ask(self) -> None:
        with self.turn() as clock:
            self.visit()
            clock.restart()
            self.follow(self.send())

    def visit(self) -> None:
        """Start a conversation if there is none, or the last one is long enough."""
        if self.path is not None and self.asked % TURNS:
            return
        key = _WIDGET_KEYS[self.number % len(_WIDGET_KEYS)]
        begin = {"Idempotency-Key": uuid4().hex}
        started = self.post("/api/chat/conversations", "/conversations", key, {}, **begin)
        self.path = f"/api/chat/conversations/{started['conversation_id']}"
        self.token = started["visitor_token"]
        self.following = Following()

    def forget(self) -> None:
        self.path = None

    def send(self) -> str:
        """Say something; return the id of the turn that answers it."""
        body = {"client_message_id": uuid4().hex, "text": self.question()}
        sent = self.post(f"{self.path}/messages", "/messages", self.token, body)
        turn: str = sent["turn_id"]
        return turn

    def follow(self, turn: str, *, only_first: bool = False) -> None:
        """Read events until the turn is over, over as many connections as it takes; or only one event."""
        deadline = time.perf_counter() + PATIENCE_S
        while turn not in self.following.finished:
            if time.perf_counter() > deadline:
                raise Broken(f"no answer in {PATIENCE_S:.0f} s")
            try:
                self._read(turn, only_first=only_first)
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                continue  # cut, or silent for too long: resume
            if only_first:
                return

    def _read(self, turn: str, *, only_first: bool) -> None:
        headers = {"Authorization": f"Bearer {self.token}"}
        if self.following.last_id is not None:
            headers["Last-Event-ID"] = self.following.last_id
        with self.client.get(
            f"{self.path}/events",
            name="/events",
            headers=headers,
            stream=True,
            timeout=_QUIET_S,
            catch_response=True,
        ) as response:
            _expect(response, 200)
            try:
                for event in parse(response.iter_content(chunk_size=None)):
                    self.following.take(event)
                    if only_first or turn in self.following.finished:
                        return
            finally:
                response.close()


class ReconnectStorm(WidgetChat):
    """Visitors who lose their connections in the middle of an answer and all come back at the same moment."""

    scenario = "storm"

    @task
    def ask(self) -> None:
        with self.turn() as clock:
            self.visit()
            turn = self.send()
            self.follow(turn, only_first=True)
            time.sleep(TIDE_S - time.time() % TIDE_S)
            clock.restart()
            self.follow(turn)


class ApiChat(Customer):
    """A server of a tenant: one request, one JSON answer; some requests are repeated."""

    scenario = "api"
    conversation: str | None = None

    @task
    def ask(self) -> None:
        key = _KEYS[self.number % len(_KEYS)]
        if self.asked % TURNS == 0:
            self.conversation = None
        body = {"message": self.question(), "client_message_id": uuid4().hex}
        if self.conversation is not None:
            body["conversation_id"] = self.conversation
        with self.turn():
            answer = self.post("/api/chat/message", "/message", key, body)
            if not answer["message"]["text"]:
                raise Broken("an answer without text")
            self.conversation = answer["conversation_id"]
        if self.conversation is not None and self.asked % TURNS == 1:
            self._repeat(key, body | {"conversation_id": self.conversation}, answer)

    def forget(self) -> None:
        self.conversation = None

    def _repeat(self, key: str, body: dict[str, Any], answer: dict[str, Any]) -> None:
        with self.turn():
            again = self.post("/api/chat/message", "/message (repeated)", key, body)
            if again["turn_id"] != answer["turn_id"]:
                raise Broken("a repeated message was answered twice")


class MixedTenants(Customer):
    """Servers of several tenants, streaming; none of them reaches what is another's."""

    scenario = "mixed"

    @task
    def ask(self) -> None:
        key, other = (_KEYS[(self.number + step) % len(_KEYS)] for step in (0, 1))
        conversation = None
        with self.turn():
            conversation = self._stream(key)
        if conversation is not None:
            self._try_door(conversation, other)

    def _try_door(self, conversation: str, key: str) -> None:
        """Speak in another tenant's conversation: there is no such thing."""
        with self.client.post(
            "/api/chat/message",
            name="/message (of another tenant)",
            json={"message": "?", "conversation_id": conversation},
            headers={"Authorization": f"Bearer {key}"},
            timeout=PATIENCE_S,
            catch_response=True,
        ) as response:
            _expect(response, 404)

    def _stream(self, key: str) -> str:
        """Ask in a new conversation and read the answer as it is written; return the conversation's id."""
        with self.client.post(
            "/api/chat/stream",
            name="/stream",
            json={"message": self.question()},
            headers={"Authorization": f"Bearer {key}"},
            stream=True,
            timeout=PATIENCE_S,
            catch_response=True,
        ) as response:
            _expect(response, 200)
            following = Following()
            for event in parse(response.iter_content(chunk_size=None)):
                following.take(event)
            if len(following.finished) != 1:
                raise Broken("the stream ended before the answer")
            conversation: str = response.headers["Replik-Conversation"]
            return conversation
