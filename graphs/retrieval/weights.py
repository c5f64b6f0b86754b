"""What each signal of a passage is worth. Written by tests/eval/fit_ranking.py; in the embedder's spreads."""

WEIGHTS: dict[str, float] = {
    "adapted": 0.0,
    "crowding": -0.25,
    "words": 0.0,
    "words_lead": 0.5,
    "bm25": 0.0,
    "letters": 0.0,
    "letters_lead": 0.0,
    "place": 0.0,
    "length": 0.0,
    "crowding_long": 0.0,
    "bm25_long": 0.0,
    "length_long": 0.0,
}
