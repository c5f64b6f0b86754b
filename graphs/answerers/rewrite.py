"""Asks the tenant's model what a follow-up means, and believes nothing that the conversation does not say."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from foundation.clients.chat.port import ChatModel, Prompt
from foundation.clients.chat.usage import Meter
from foundation.errors import ReplikError
from graphs import notes
from graphs.answerers.account import Call, Refusal
from graphs.answerers.prompt import RewritePrompt
from graphs.answerers.routed import Routes
from graphs.facts import facts
from graphs.rewriting import FollowUp, Rewriting, transcript
from graphs.words import words

_MAX_TOKENS: Final = 120
_LONGEST: Final = 400
_HISTORY: Final = 6
"""How many earlier utterances the model sees."""
_QUOTES: Final = "\"'“”„«»` "


class RoutedRewriter:
    """Writes with the model of the tenant's route."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    async def rewrite(
        self, asked: FollowUp, prompt: RewritePrompt, *, timeout_s: float
    ) -> tuple[str, Rewriting]:
        """See `graphs.rewriting.Rewriter`. What was used is booked however it ends."""
        meter, text, because = Meter(), "", ""
        calls: tuple[Call, ...] = ()
        try:
            async with asyncio.timeout(timeout_s), self._routes.open(asked.tenant_id) as route:
                if route.chat is None:
                    return "", Rewriting(by="rules", because=route.because or "no_model")
                try:
                    text = await _written(route.chat, _prompts(asked, prompt), meter)
                finally:
                    calls = self._routes.book(asked.tenant_id, meter)
        except asyncio.CancelledError:
            told = _told(prompt, meter, calls, because="cancelled")
            notes.current().left["rewriting"] = told.model_dump(mode="json")
            raise
        except TimeoutError:
            because = "timeout"
        except ReplikError as error:
            because = error.code
        else:
            text = _usable(text, asked)
            because = "" if text else "unusable"
        return ("" if because else text), _told(prompt, meter, calls, because=because)


def _told(prompt: RewritePrompt, meter: Meter, calls: tuple[Call, ...], *, because: str) -> Rewriting:
    return Rewriting(
        by="rules" if because else "model",
        because=because,
        prompt=f"{prompt.name}@{prompt.version}",
        calls=calls,
        failed=tuple(Refusal(provider=it.provider, model=it.model, reason=it.reason) for it in meter.failed),
    )


async def _written(chat: ChatModel, prompts: Sequence[Prompt], meter: Meter) -> str:
    async with aclosing(chat.stream(prompts, max_tokens=_MAX_TOKENS, meter=meter)) as pieces:
        return "".join([piece async for piece in pieces])


def _prompts(asked: FollowUp, prompt: RewritePrompt) -> list[Prompt]:
    said = transcript([each for each in asked.history if each.author != "system"][-_HISTORY:])
    # Nobody but us opens or closes a tag.
    text = (
        f"<conversation>\n{said.replace('<', '(')}\n</conversation>\n"
        f"<message>{asked.text.replace('<', '(')}</message>"
    )
    return [Prompt("system", prompt.system), Prompt("user", text)]


def _usable(text: str, asked: FollowUp) -> str:
    """Return a model's question, or nothing if it is none or says what nobody said."""
    question = text.strip().strip(_QUOTES)
    if not words(question) or len(question) > _LONGEST or "\n" in question:
        return ""
    said = f"{transcript(asked.history)}\n{asked.text}"
    known = facts(said, asked.language)
    return question if all(fact.stands_in(known) for fact in facts(question, asked.language)) else ""
