"""Who answers in which graph: what a graph config says under `models`, on the routes of the host."""

from collections.abc import AsyncGenerator

from foundation.errors import ModelFailed
from foundation.ids import TenantId
from graphs.answerers.account import Account
from graphs.answerers.port import Answerer, Question
from graphs.answerers.prompts import find_prompt
from graphs.answerers.rewrite import RoutedRewriter
from graphs.answerers.routed import RoutedAnswerer, Routes
from graphs.config import Models
from graphs.rewriting import Rewriter


class Answerers:
    """A host's answerers; all graphs share its models and the one that quotes."""

    def __init__(self, routes: Routes, quotes: Answerer) -> None:
        self._routes = routes
        self._quotes = quotes

    def of(self, models: Models) -> Answerer:
        """Return the answerer of a graph.

        Raises:
            PromptUnusable: there is no such prompt (of a config that was loaded, there is).
        """
        if models.answerer == "extractive":
            return self._quotes
        instead = self._quotes if models.answerer == "default" else _Nobody()
        prompt = find_prompt(models.prompt)
        return RoutedAnswerer(self._routes, instead, prompt, max_tokens=models.max_tokens)

    def rewriter_of(self, models: Models) -> Rewriter | None:
        """Return who makes follow-up questions stand alone in a graph; nobody in one that asks no model."""
        return None if models.answerer == "extractive" else RoutedRewriter(self._routes)


class _Nobody:
    """Stands in for a model in a graph that wants a model and nothing else."""

    name = "nobody"
    guarded = ""
    _words: tuple[str, ...] = ()

    async def writer(self, _tenant_id: TenantId | None, /) -> str:
        """Return that no model answers."""
        return ""

    async def answer(self, _question: Question, /) -> AsyncGenerator[str | Account, None]:
        """Answer nothing.

        Raises:
            ModelFailed: always.
        """
        for word in self._words:  # a generator, as every answer is
            yield word
        raise ModelFailed(reason="no_model")
