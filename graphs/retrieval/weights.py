"""What each signal of a passage is worth. Written by tests/eval/fit_ranking.py; in the embedder's spreads."""

WEIGHTS: dict[str, float] = {
    "adapted": 0.285,
    "crowding": -0.339,
    "words_lead": 0.909,
    "crowding_long": -0.962,
    "bm25_long": 0.479,
    "length_long": -0.19,
}
