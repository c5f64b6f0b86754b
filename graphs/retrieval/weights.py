"""What each signal of a passage is worth. Written by tests/eval/fit_ranking.py; in the embedder's spreads."""

WEIGHTS: dict[str, float] = {
    "adapted": 0.645,
    "crowding": -0.296,
    "words": -0.261,
    "words_lead": 0.859,
    "bm25": 0.162,
    "letters": 0.42,
    "letters_lead": -0.94,
    "place": -0.716,
    "length": 0.019,
    "crowding_long": -0.975,
    "bm25_long": 0.323,
    "length_long": -0.242,
}
