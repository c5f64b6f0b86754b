"""What each signal of a passage is worth. Written by tests/eval/fit_ranking.py; in the embedder's spreads."""

WEIGHTS: dict[str, float] = {
    "adapted": 0.344,
    "crowding": -0.374,
    "words_lead": 0.664,
    "letters_lead": 0.0,
    "crowding_long": -0.875,
    "bm25_long": 0.432,
    "length_long": -0.196,
}
