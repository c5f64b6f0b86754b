"""The light graph: the five nodes of a turn without a model and without retrieval.

Only LangGraph is imported, so that our host, the bare baseline and the LangGraph development server run the
same file. The state is JSON values. `generate` says numbered sentences through the stream writer, so that a
reader can tell whether one is missing, twice there, or out of order.
"""

from typing import TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph

SENTENCES = 20


class LightState(TypedDict, total=False):
    """What the nodes hand on. In: `text` and `sentences`; out: `answer`."""

    text: str
    sentences: int
    blocked: bool
    passages: list[str]
    confidence: float
    answer: str


def sentence(text: str, number: int) -> str:
    """Return the `number`th sentence (from 1) of the answer to `text`."""
    return f"Sentence {number} of the answer to «{text}» says what a customer would like to know. "


def answer(text: str, sentences: int) -> str:
    """Return the whole answer to `text`."""
    return "".join(sentence(text, number) for number in range(1, sentences + 1)).rstrip()


async def _policy(state: LightState) -> LightState:
    return {"blocked": not state["text"].strip()}


async def _retrieve(state: LightState) -> LightState:
    return {"passages": [state["text"]]}


async def _confidence(state: LightState) -> LightState:
    return {"confidence": 0.9 if state["passages"] and not state["blocked"] else 0.0}


async def _generate(state: LightState) -> LightState:
    write = get_stream_writer()
    said = []
    for number in range(1, state.get("sentences", SENTENCES) + 1):
        said.append(sentence(state["text"], number))
        write(said[-1])
    return {"answer": "".join(said)}


async def _post_policy(state: LightState) -> LightState:
    return {"answer": state["answer"].rstrip()}


def builder() -> "StateGraph[LightState]":
    """Return the graph, not yet compiled: each system compiles it with a checkpointer of its own, or none."""
    graph = StateGraph(LightState)
    graph.add_node("policy", _policy)
    graph.add_node("retrieve", _retrieve)
    graph.add_node("confidence", _confidence)
    graph.add_node("generate", _generate)
    graph.add_node("post_policy", _post_policy)
    graph.add_edge(START, "policy")
    graph.add_edge("policy", "retrieve")
    graph.add_edge("retrieve", "confidence")
    graph.add_edge("confidence", "generate")
    graph.add_edge("generate", "post_policy")
    graph.add_edge("post_policy", END)
    return graph


def make_graph() -> object:
    """Return the compiled graph, as the development server asks for it."""
    return builder().compile()
