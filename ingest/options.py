"""How a source is kept: whom it answers, and how often its page is looked at."""

from dataclasses import dataclass
from typing import Literal

from foundation.errors import InvalidInput
from foundation.ids import CrawlId

LEAST_RESYNC_S = 300

Audience = Literal["customer", "staff"]


def check_interval(resync_s: int | None) -> None:
    """Accept seconds between looks: None, 0 for never, or from `LEAST_RESYNC_S` on.

    Raises:
        InvalidInput: they are fewer.
    """
    if resync_s is not None and resync_s != 0 and resync_s < LEAST_RESYNC_S:
        raise InvalidInput(field="resync_s", least=LEAST_RESYNC_S)


@dataclass(frozen=True, slots=True)
class Options:
    """How a new source is kept. `crawl_id` is the crawl that found it.

    Raises:
        InvalidInput: see `check_interval`.
    """

    audience: Audience = "customer"
    resync_s: int | None = None
    crawl_id: CrawlId | None = None

    def __post_init__(self) -> None:
        check_interval(self.resync_s)


PLAIN = Options()
