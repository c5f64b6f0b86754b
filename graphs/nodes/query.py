"""Makes out what is asked: a follow-up is understood with what it follows."""

import functools
from typing import Final, Literal
from uuid import UUID

from langgraph.runtime import Runtime
from pydantic import Field, field_validator

from foundation.ids import TenantId
from foundation.turns import Utterance, Value
from graphs.answerers.prompts import PromptUnusable, find_rewrite_prompt
from graphs.nodes.reply import language_of
from graphs.ports import Ports
from graphs.query import leans, search_query
from graphs.registry import node
from graphs.rewriting import FollowUp, Rewriting
from graphs.state import TurnState

_prompt: Final = functools.cache(find_rewrite_prompt)


class QueryOptions(Value):
    rewrite: Literal["rules", "model"] = "model"
    """`model`: the model that answers makes follow-up questions stand alone, the rules where there is none;
    `rules`: the question before is put in front, and no model is asked.
    """
    prompt: str = "rewrite"
    """A prompt in `configs/prompts/` for it, optionally of one version: `rewrite@1`."""
    timeout_s: float = Field(default=3.0, gt=0, le=30)
    """Seconds after which the rules do it."""

    @field_validator("prompt")
    @classmethod
    def _is_there(cls, prompt: str) -> str:
        try:
            find_rewrite_prompt(prompt)
        except PromptUnusable as error:
            raise ValueError(str(error)) from error
        return prompt


@node("query", options=QueryOptions)
async def query(state: TurnState, runtime: Runtime[Ports], options: QueryOptions) -> TurnState:
    """Write the question that the nodes below search for; a first message stays as it is."""
    by_rules = search_query(state["text"], state["history"])
    said_before = any(utterance["author"] == "customer" for utterance in state["history"])
    if not (said_before and leans(state["text"])):
        return _update(by_rules, Rewriting(by="customer"))
    rewriter = runtime.context.rewriter
    if options.rewrite == "rules" or rewriter is None:
        return _update(by_rules, Rewriting(by="rules"))
    asked = FollowUp(
        text=state["text"],
        language=language_of(state),
        history=tuple(Utterance.model_validate(utterance) for utterance in state["history"]),
        tenant_id=TenantId(UUID(state["tenant_id"])),
    )
    text, told = await rewriter.rewrite(asked, _prompt(options.prompt), timeout_s=options.timeout_s)
    return _update(search_query(text, ()) if text else by_rules, told)


def _update(query: str, told: Rewriting) -> TurnState:
    return {"query": query, "rewriting": told.model_dump(mode="json")}
