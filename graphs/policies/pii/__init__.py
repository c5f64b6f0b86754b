"""Personal data: finds numbers of people, companies, cards and accounts, and contacts; and replaces them.

In: the customer's words are redacted before retrieval and the model see them. Out: identity numbers and cards
never pass; contacts and accounts pass only when they stand in a cited passage, as the shop's own do.
"""

from graphs.policies.pii.kinds import KINDS, SECRET, Found, Kind
from graphs.policies.pii.replacing import keys, outbound, redact
from graphs.policies.pii.search import find

__all__ = ["KINDS", "SECRET", "Found", "Kind", "find", "keys", "outbound", "redact"]
