"""What each signal of a passage is worth. Written by tests/eval/fit_ranking.py; in the embedder's spreads."""

WEIGHTS: dict[str, float] = {
    "crowding_crossed": -0.542,
    "words_lead": 0.459,
    "crowding_long": -1.303,
    "bm25_long": 0.496,
    "length_long": -0.205,
}
