"""What each signal of a passage is worth. Written by tests/eval/fit_ranking.py; in the embedder's spreads."""

WEIGHTS: dict[str, float] = {
    "adapted": 0.284,
    "crowding": -0.343,
    "words_lead": 0.902,
    "crowding_long": -0.958,
    "bm25_long": 0.479,
    "length_long": -0.19,
}
