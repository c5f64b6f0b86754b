"""The load: people who keep talking, one conversation after another, and lend theirs to a fault."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from tests.chaos.action import ACTS
from tests.chaos.customer import Customer, Door
from tests.chaos.history import Recorder

THINK_S = 0.4
"""Mean time between messages of one person."""
AT_ONCE = 3
"""Nobody has more unanswered messages than this."""


class Load:
    """So many people at a time."""

    def __init__(self, people: int, door: Door, recorder: Recorder, seed: int) -> None:
        self.acked = 0
        self._people = people
        self._door = door
        self._recorder = recorder
        self._random = Random(seed)
        self._here: list[Customer] = []
        self._stopping = asyncio.Event()
        self._free = asyncio.Condition()

    async def run(self) -> None:
        """Talk until `stop`; then finish the conversations that are open."""
        async with asyncio.TaskGroup() as group:
            for person in range(self._people):
                group.create_task(self._person(person))

    def stop(self) -> None:
        self._stopping.set()

    def unanswered(self) -> set[str]:
        """Return the acknowledged turns whose end nobody has seen yet."""
        return {
            turn_id
            for customer in self._here
            for turn_id in customer.turns
            if not customer.has_ended(turn_id)
        }

    @asynccontextmanager
    async def borrowed(self) -> AsyncIterator[Customer]:
        """Yield a conversation that no other fault uses and that the agent has."""
        async with self._free:
            await self._free.wait_for(lambda: any(not customer.borrowed for customer in self._here))
            customer = self._random.choice([one for one in self._here if not one.borrowed])
            customer.borrowed = True
        try:
            if customer.mode == "human":
                await customer.control("agent")
            yield customer
        finally:
            customer.borrowed = False
            await customer.tell()
            async with self._free:
                self._free.notify_all()

    async def _person(self, person: int) -> None:
        conversations = 0
        while not self._stopping.is_set():
            random = Random(self._random.randrange(2**32))
            customer = Customer(f"p{person}c{conversations}", self._door, self._recorder, random)
            conversations += 1
            async with customer.present(windows=random.choice([1, 1, 2])):
                async with self._free:
                    self._here.append(customer)
                    self._free.notify_all()
                try:
                    await self._talk(customer, random.randint(8, 20))
                finally:
                    self._here.remove(customer)
                await customer.settled()

    async def _talk(self, customer: Customer, messages: int) -> None:
        for _ in range(messages):
            await asyncio.sleep(customer.random.expovariate(1 / THINK_S))
            if customer.mode == "human" and not customer.borrowed:
                await customer.control("agent")  # taken over by the system, for a turn that failed too often
            together = 1 if customer.random.random() < 0.8 else 2
            await asyncio.gather(
                *(
                    customer.send(customer.next_text(ACTS * (customer.random.random() < 0.2)))
                    for _ in range(together)
                )
            )
            self.acked += together
            await customer.settled(AT_ONCE - 1)
            if self._stopping.is_set():
                break
        while customer.borrowed:
            await customer.until(lambda: not customer.borrowed)
