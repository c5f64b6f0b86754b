"""What holds for the whole answer. It was streamed already, so a rule here may only add."""

from typing import cast

from langgraph.runtime import Runtime
from pydantic import Field

from foundation.turns import Citation, Delta, Language, Value
from graphs.cache import Kept
from graphs.nodes.cached import may_be_kept, shelf_of
from graphs.ports import Ports
from graphs.registry import node
from graphs.state import TurnState


class PostPolicyOptions(Value):
    disclaimer: dict[Language, str] = Field(default_factory=dict)
    """Added below each answer, by language; none where a language is missing."""


@node("post-policy", options=PostPolicyOptions, routes=("answered", "empty"))
async def post_policy(state: TurnState, runtime: Runtime[Ports], options: PostPolicyOptions) -> TurnState:
    """Close the answer; one of which nothing was released is none."""
    if not state["answer"]:
        return {"route": "empty"}
    language = cast("Language", state["language"])
    update: TurnState = {"outcome": "answered", "offer_person": False, "route": "answered"}
    await _keep(state, runtime)
    always = options.disclaimer.get(language)
    wanted = runtime.context.policies.disclaimers(state["text"], state["answer"], language)
    texts = list(dict.fromkeys([*([always] if always else []), *wanted]))
    if texts:
        addition = "".join(f"\n\n{text}" for text in texts)
        runtime.stream_writer(Delta(text=addition))
        update["answer"] = state["answer"] + addition
    return update


async def _keep(state: TurnState, runtime: Runtime[Ports]) -> None:
    """Keep what the answerer wrote for the next one who asks the same; disclaimers come anew each time."""
    cache = runtime.context.cache
    if cache is None or not (_by_a_model(state) and state["citations"] and may_be_kept(state)):
        return
    shelf = await shelf_of(state, runtime.context)
    if shelf is None:
        return
    citations = tuple(Citation.model_validate(citation) for citation in state["citations"])
    kept = Kept(
        question=state["query"], text=state["answer"], citations=citations, confidence=state["confidence"]
    )
    await cache.keep(shelf, kept)


def _by_a_model(state: TurnState) -> bool:
    return bool(state["model"]) and state["answerer"] != "extractive"
