"""From the start command to the first answer on a fresh home, and the memory of all processes together.

The baseline is what Ray Serve alone needs, on the same machine in the same run, for a hello world: local Ray,
Serve, one deployment, one request. `ratio` is our time over that time. Aims: 60 s and 2,500 MB.
"""

import subprocess
import sys
import textwrap
import time
from typing import Any

import httpx

from foundation.stack.ports import free_ports
from tests.support.ask import ask
from tests.support.running import running_replik, short_home

QUESTION = "Hur länge har jag på mig att returnera en vara?"

_BARE = """
    import logging, httpx, ray
    from ray import serve
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
             _node_ip_address="127.0.0.1")
    serve.start(http_options={{"host": "127.0.0.1", "port": {port}}}, logging_config={{"log_level": "ERROR"}})
    @serve.deployment
    class Hello:
        def __call__(self, request):
            return "hello"
    serve.run(Hello.bind(), route_prefix="/")
    assert httpx.get("http://127.0.0.1:{port}/").text == "hello"
    print("ANSWERED", flush=True)
    serve.shutdown(); ray.shutdown()
"""


def measure() -> list[dict[str, Any]]:
    """Return one result."""
    bare = _bare_seconds()
    with short_home() as home:
        begun = time.monotonic()
        with running_replik(home, free_ports(1)[0], {"RATE_LIMITS": "off"}) as replik:
            serving = time.monotonic() - begun
            answer = _first_answer(replik.url, replik.key("server key"))
            seconds = time.monotonic() - begun
            memory = replik.memory_mb()
            processes = len(replik.processes())
    return [
        {
            "name": "first_answer",
            "seconds": round(seconds, 1),
            "memory_mb": round(memory),
            "ratio": round(seconds / bare, 2),
            "baseline": "ray serve hello world",
            "baseline_seconds": round(bare, 1),
            "ready_seconds": round(serving, 1),
            "processes": processes,
            "citations": len(answer["message"]["citations"]),
        }
    ]


def _first_answer(url: str, key: str) -> dict[str, Any]:
    """Ask until the document that answers has been read; the demo's documents are read meanwhile."""
    deadline = time.monotonic() + 300
    with httpx.Client(base_url=url, timeout=90) as client:
        while time.monotonic() < deadline:
            answer = ask(client, key, QUESTION)
            if answer["message"]["outcome"] == "answered":
                return answer
    raise RuntimeError("no answer within 300 s")


def _bare_seconds() -> float:
    script = textwrap.dedent(_BARE.format(port=free_ports(1)[0]))
    begun = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "ANSWERED" in line:
                seconds = time.monotonic() - begun
                break
        else:
            raise RuntimeError("the baseline did not answer")
        process.wait()
    return seconds
