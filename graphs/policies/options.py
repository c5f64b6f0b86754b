"""What a graph config says about policies, for all nodes."""

from foundation.turns import Value
from graphs.policies.topic import TopicOptions


class Policies(Value):
    """Which policies run; all do unless a config says otherwise."""

    pii: bool = True
    """Redact personal data in what customers write. What the agent writes is always checked."""
    topic: TopicOptions = TopicOptions()
