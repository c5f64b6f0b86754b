"""What one gateway process counts. No label grows with tenants or customers."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from foundation.telemetry import process_name

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Counters:
    """One gateway's counters, in a registry of their own: several apps may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._gateway = process_name()
        self._requests = Counter(
            "replik_http_requests_total",
            "Requests by route, method and status.",
            ("gateway", "route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "replik_http_request_seconds",
            "Time until the answer begins.",
            ("gateway", "route"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._accepted = Counter(
            "replik_messages_accepted_total",
            "Customers' messages that were stored, repeats left out.",
            ("gateway", "channel"),
            registry=self.registry,
        )
        self._refused = Counter(
            "replik_refused_total",
            "Requests refused with 429, by reason.",
            ("gateway", "reason"),
            registry=self.registry,
        )
        self.open_streams = Gauge(
            "replik_open_streams", "Event streams that are open.", ("gateway",), registry=self.registry
        ).labels(self._gateway)
        # Looking a child up by its labels is what costs most, and there are few of them.
        self._by_route: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request whose answer began after `seconds`; `route` is its template."""
        key = (route, method, status)
        children = self._by_route.get(key)
        if children is None:
            known = method if method in _METHODS else "other"
            children = (
                self._requests.labels(self._gateway, route, known, str(status)),
                self._seconds.labels(self._gateway, route),
            )
            if known == method:
                self._by_route[key] = children
        children[0].inc()
        children[1].observe(seconds)

    def accepted(self, channel: str) -> None:
        """Count a message that was stored, and not one that is a repeat."""
        self._accepted.labels(self._gateway, channel).inc()

    def refused(self, reason: str) -> None:
        """Count a 429."""
        self._refused.labels(self._gateway, reason).inc()
