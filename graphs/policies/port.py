"""What a policy says about a text. It never carries the text, only where the rule struck."""

from typing import Literal

from foundation.turns import Value

Action = Literal["allow", "redact", "block", "handover"]


class Decision(Value):
    """One policy's judgement; `spans` are character offsets into the text that was judged."""

    action: Action
    rule: str
    reason: str = ""
    spans: tuple[tuple[int, int], ...] = ()


ALLOW = Decision(action="allow", rule="")
