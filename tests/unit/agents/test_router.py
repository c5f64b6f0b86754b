"""The ring's router, as Serve takes it from the deployment: a stopped host must not use up its tasks."""

from agents.deployment import ConversationHost


def test_serve_gets_our_router_with_room_for_many_and_no_way_round_the_ring() -> None:
    config = ConversationHost._deployment_config.request_router_config  # type: ignore[attr-defined]
    router = config.get_request_router_class()  # what Serve unpickles in a gateway
    assert router.max_num_routing_tasks.fget(None) >= 1_000
    assert config.request_router_kwargs == {"num_fallback_replicas": 0}
