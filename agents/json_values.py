"""JSON values as text, and nothing that would come back as something else."""

import json


def dump(value: object, what: str) -> str:
    """Return a value as JSON text, always the same for equal values.

    Raises:
        TypeError: it is not made of JSON values only. Objects, sets and NaN would be lost, tuples and keys
            that are no texts would come back changed. `what` names it; the value itself is a customer's.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
        if json.loads(text) == value:
            return text
    except (TypeError, ValueError, RecursionError):
        pass
    raise TypeError(f"{what} is not made of JSON values only")
