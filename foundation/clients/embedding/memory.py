"""Vectors that were asked for lately: customers repeat each other, and so do the steps of a turn."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import numpy as np

from foundation.clients.embedding.port import Vectors

REMEMBERED: Final = 512
"""Queries of a process."""


class VectorMemory:
    """Keeps the vectors of the last texts; for one event loop."""

    def __init__(self, texts: int) -> None:
        """`texts`: how many it keeps."""
        self._most = texts
        self._rows: OrderedDict[str, Vectors] = OrderedDict()

    async def of(self, texts: Sequence[str], embed: Callable[[list[str]], Awaitable[Vectors]]) -> Vectors:
        """Return the vectors of some texts, a row each; `embed` is asked once, for those not known."""
        # Taken before the wait: meanwhile others may push them out.
        known = {text: self._rows[text] for text in texts if text in self._rows}
        missing = list(dict.fromkeys(text for text in texts if text not in known))
        if missing:
            known |= dict(zip(missing, await embed(missing), strict=True))
        for text in texts:
            self._rows[text] = known[text]
            self._rows.move_to_end(text)
        while len(self._rows) > self._most:
            self._rows.popitem(last=False)
        return np.stack([known[text] for text in texts]).astype(np.float32)
