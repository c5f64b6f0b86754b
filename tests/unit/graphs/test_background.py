"""The bank's vectors are embedded once, also for the processes that start later."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from foundation.clients.embedding.fakes import HashingEmbedder
from foundation.clients.embedding.port import Vectors
from graphs.retrieval.background import Background


class Counting(HashingEmbedder):
    """Counts the texts that it is asked for."""

    asked = 0

    async def queries(self, texts: Sequence[str]) -> Vectors:
        self.asked += len(texts)
        return await super().queries(texts)

    async def passages(self, texts: Sequence[str]) -> Vectors:
        self.asked += len(texts)
        return await super().passages(texts)


def cut_off_all(folder: Path) -> None:
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[:100])


async def level(embedder: Counting, folder: Path) -> float:
    vector = np.ones(embedder.dimensions, dtype=np.float32)
    background = Background(embedder, folder)
    return await background.level(vector, "sv") + await background.elsewhere(vector, "sv")


async def test_a_later_process_embeds_nothing(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    found = await level(first, tmp_path / "cache")
    assert first.asked > 0
    assert await level(second, tmp_path / "cache") == found
    assert second.asked == 0


async def test_a_file_that_is_not_whole_is_made_again(tmp_path: Path) -> None:
    found = await level(Counting(), tmp_path)
    cut_off_all(tmp_path)
    again = Counting()
    assert await level(again, tmp_path) == found
    assert again.asked > 0


async def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert await level(Counting(), tmp_path / "file") == pytest.approx(await level(Counting(), tmp_path))
