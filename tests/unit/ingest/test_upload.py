"""A document is judged and copied piece by piece, as it would be in one."""

import io
import tracemalloc
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pytest

from foundation.errors import ExtractionFailed
from ingest.extract import Reason
from ingest.extract.detect import media_type_of, media_type_of_file
from ingest.upload import MAX_BYTES, Upload
from tests.unit.ingest import files


def packed(name: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(name, "x")
    return target.getvalue()


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
CONTENTS = {
    "pdf": files.pdf(),
    "page": files.PAGE,
    "text": "Bara text på svenska. ".encode() * 100_000,
    "cut": ("x" * 999_999 + "å" * 10).encode(),
    "markdown": b"# Rubrik\n\ntext\n" * 100_000,
    "csv": "fråga;svar\n".encode() + b"a;b\n" * 400_000,
    "wide": ("\ufeff" + "rad åäö\n" * 200_000).encode("utf-16-le"),
    "late": b" " * 1_500_000 + b"text",
    "docx": packed("word/document.xml"),
    "zip": packed("a.txt"),
    "broken zip": b"PK\x03\x04 broken",
    "old": OLE + b"\x00" * 600_000,
    "encrypted": OLE + b"\x00" * (256 * 1024 - 17) + "EncryptedPackage".encode("utf-16-le"),
    "empty": b"",
    "blank": b" \n",
    "binary": b"\x00\x01\x02" * 100,
}


def said(look: object, content: bytes | BinaryIO) -> str:
    try:
        return str(look(content))  # type: ignore[operator]
    except ExtractionFailed as refused:
        return str(refused.data["reason"])


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_is_what_its_content_is(name: str) -> None:
    content = CONTENTS[name]
    assert said(media_type_of_file, io.BytesIO(content)) == said(media_type_of, content)


async def test_it_is_measured_and_comes_whole_each_time() -> None:
    content = CONTENTS["text"]
    upload = await Upload.of(content)
    assert (upload.size, upload.content_hash) == (len(content), sha256(content).digest())
    for _ in range(2):
        chunks = [chunk async for chunk in upload.chunks()]
        assert b"".join(chunks) == content
        assert len(chunks) > 5


async def test_one_byte_too_many_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "large.txt").open("w+b") as file:
        file.write(b"text\n")
        file.truncate(MAX_BYTES + 1)
        with pytest.raises(ExtractionFailed) as caught:
            await Upload.of(file)
    assert caught.value.data["reason"] == Reason.TOO_LARGE


async def test_a_large_file_is_not_held_in_memory(tmp_path: Path) -> None:
    line = b"En rad text.\n"
    with (tmp_path / "large.txt").open("w+b") as file:
        file.write(line * (MAX_BYTES // len(line)))
        tracemalloc.start()
        upload = await Upload.of(file)
        size = 0
        async for chunk in upload.chunks():
            size += len(chunk)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert size == upload.size > 24_000_000
    assert peak < 12_000_000
