"""A host that merely stops: the others' customers go on, and its own are answered by another."""

import asyncio

import pytest

from tests.bench import stopped
from tests.light.stack import light_stack

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(400)]


def test_a_stopped_host_holds_up_only_its_own_conversations_and_those_not_for_ever() -> None:
    with light_stack(hosts=3, sentences=5, build="tests.support.signed:build") as stack:
        seen = asyncio.run(stopped.run(stack, seconds=3.0))
    print(seen.result())
    assert seen.stopped_host not in {turn.host for turn in seen.while_stopped}
    assert len(seen.while_stopped) >= 2 * stopped.CLIENTS
    # Its own customers wait for the lease to run out; nobody else waits with them.
    assert len(seen.victims) >= stopped.CLIENTS
    assert stopped.p95(seen.while_stopped) < min(turn.ms for turn in seen.victims)
