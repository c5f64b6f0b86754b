"""The channel of the bus on which a tenant's staff hear that something happened."""

from agents.stream import Address
from foundation.clients.bus.port import Post
from foundation.ids import TenantId

BELL = b"look"
"""Something was committed: look in the database. What else comes on the channel is shown as it is."""


def staff_channel(tenant_id: TenantId) -> str:
    """Return the channel's name."""
    return f"staff:{tenant_id.hex}"


def bell(address: Address) -> Post:
    """Return what tells staff that something was stored in a conversation."""
    return Post(staff_channel(address.tenant_id), BELL)
