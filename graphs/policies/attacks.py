"""How much a text looks like an attack on the agent: a logistic regression over its meaning and its make-up.

The weights (`configs/attacks.json`) are data, fitted by tests/eval/fit_attacks.py. Meaning is the query
vector that retrieval needs anyway; make-up is counted in microseconds.
"""

import math
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from foundation.clients.embedding.port import Embedder
from foundation.turns import Value
from graphs.policies.orders import orders
from graphs.policies.pii import KINDS
from graphs.words import words_of

Floats = NDArray[np.float32]
PATH: Final = Path(__file__).resolve().parents[2] / "configs" / "attacks.json"
LONGEST: Final = 1_500
"""Characters that are looked at; the model sees no more either."""

_PLACEHOLDER: Final = re.compile(rf"\[(?:{'|'.join(KINDS)}) \d+\]")
_WORD: Final = re.compile(r"\w+")
_ADDRESSED: Final = words_of("you your yourself du dig din dina ditt")
_COMMANDS: Final = words_of(
    "must will never always ignore pretend act respond answer output write stay refuse "
    "måste ska aldrig alltid ignorera låtsas agera svara skriv förbli vägra"
)
_MACHINERY: Final = words_of(
    "prompt prompts system instructions instruction rules ai chatgpt gpt model language openai password "
    "secret key character roleplay restrictions filters policy policies developer admin mode tokens base64 "
    "instruktioner instruktion regler modell lösenord hemlig nyckel roll begränsningar utvecklare läge"
)
_WORDS: Final = 3
_FEW: Final = 7
_SENTENCE: Final = 12
NAMES: Final = (
    "length",
    "a_word_or_three",
    "a_few_words",
    "a_sentence",
    "lines",
    "addressed",
    "commands",
    "machinery",
    "machinery_share",
    "symbols",
    "capitals",
    "question",
    "orders",
)


class Weights(Value):
    """The contents of `configs/attacks.json`: `weight * (value - mean) / scale`, summed, plus the bias."""

    embedding_model: str
    bias: float
    threshold: float = Field(ge=0, le=1)
    """Score that 2 % of the harmless look-alikes exceed, by cross-validation on the development half."""
    structure: dict[str, tuple[float, float, float]]
    """Mean, scale and weight of each name."""
    meaning_mean: tuple[float, ...]
    meaning: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """How likely a text is an attack, 0..1, and the score from which on it is taken for one."""

    value: float
    threshold: float


def seen_of(text: str) -> str:
    """Return what is judged of a text: its beginning, without the placeholders of redacted data."""
    return _PLACEHOLDER.sub("", text[:LONGEST])


def structure(text: str) -> list[float]:
    """Return the make-up of a text, in the order of `NAMES`."""
    found = [word.casefold() for word in _WORD.findall(text)]
    many, size = max(1, len(found)), max(1, len(text))
    machinery = sum(word in _MACHINERY for word in found)
    return [
        math.log1p(len(text)),
        float(len(found) <= _WORDS),
        float(_WORDS < len(found) <= _FEW),
        float(len(found) <= _SENTENCE),
        math.log1p(text.count("\n")),
        sum(word in _ADDRESSED for word in found) / many,
        sum(word in _COMMANDS for word in found) / many,
        math.log1p(machinery),
        machinery / many,
        sum(character in "<>{}[]=\\`|#*" for character in text) / size,
        sum(character.isupper() for character in text) / size,
        float("?" in text[-3:]),
        float(bool(orders(re.sub(r"\s+", " ", text)))),
    ]


async def attack_score(text: str, embedder: Embedder | None) -> Score | None:
    """Return the score; None without the embedding model that the weights are for."""
    weights, mean, meaning = _loaded()
    if embedder is None or embedder.model != weights.embedding_model:
        return None
    seen = seen_of(text)
    [vector] = await embedder.queries([seen])
    odds = weights.bias + float((vector - mean) @ meaning)
    for value, name in zip(structure(seen), NAMES, strict=True):
        middle, scale, weight = weights.structure[name]
        odds += weight * (value - middle) / scale
    return Score(1 / (1 + math.exp(-max(-30.0, min(30.0, odds)))), weights.threshold)


@cache
def _loaded() -> tuple[Weights, Floats, Floats]:
    weights = Weights.model_validate_json(PATH.read_text(encoding="utf-8"))
    return weights, np.array(weights.meaning_mean, np.float32), np.array(weights.meaning, np.float32)
