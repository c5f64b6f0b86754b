"""Files made to hurt end as a text or a reason that people understand."""

import contextlib
import io
import time
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, EncodedStreamObject, NameObject

from foundation.errors import ExtractionFailed
from ingest.extract import Reason, extract, sentence
from tests.unit.ingest import files

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]>"
)


def word_with(old: str, new: str, start: str = "") -> bytes:
    """A Word file whose text has `new` in place of `old`, and `start` in place of the XML declaration."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(files.word())) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for info in source.infolist():
            part = source.read(info)
            if info.filename == "word/document.xml":
                text = part.decode()
                assert old in text
                text = text.replace(old, new, 1)
                part = (start + text.partition("?>")[2] if start else text).encode()
            archive.writestr(info.filename, part)
    return target.getvalue()


def laughing_word() -> bytes:
    """A Word file with a word that would grow to two billion letters."""
    return word_with("Före tabellen", "Före &j; tabellen", start=LAUGHS)


def nested_word() -> bytes:
    return word_with("<w:body>", "<w:body>" + "<w:sdt><w:sdtContent>" * 5000)


def pdf_bomb() -> bytes:
    """A PDF of 400 KB with a page whose content unpacks to 400 MB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * 4_000_000) for _ in range(100)) + packer.flush()
    stream = EncodedStreamObject()
    stream._data = packed
    stream[NameObject("/Filter")] = NameObject("/FlateDecode")
    writer = PdfWriter()
    page = writer.add_blank_page(width=100, height=100)
    # Without resources a page has no text, and its content is not even unpacked.
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): DictionaryObject()})
    page[NameObject("/Contents")] = writer._add_object(stream)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("make", "reasons"),
    [
        (laughing_word, {Reason.DAMAGED}),
        (nested_word, {Reason.DAMAGED, Reason.TOO_DEMANDING}),
        (pdf_bomb, {Reason.TOO_LARGE}),
    ],
)
def test_a_bomb_ends_soon_with_a_reason(make: Callable[[], bytes], reasons: set[Reason]) -> None:
    content = make()
    began = time.monotonic()
    with pytest.raises(ExtractionFailed) as caught:
        extract(content, "x")
    assert caught.value.data["reason"] in reasons
    assert sentence(str(caught.value.data["reason"]), "sv") != sentence(Reason.INTERNAL, "sv")
    assert time.monotonic() - began < 20


def test_harmless_entities_in_a_word_file_are_no_reason_to_refuse_it() -> None:
    content = word_with("Före tabellen", "Före &a; tabellen", start=LAUGHS)
    assert "Efter tabellen." in extract(content, "x").text


@pytest.mark.parametrize(
    "content",
    [
        b"<html><body>" + b"<div>" * 20_000 + b"deep" + b"</div>" * 20_000 + b"</body></html>",
        b"<html><body>" + b"<b>" * 20_000 + b"deep",
        b"> " * 5_000 + b"deep",
        b"- " * 5_000 + b"deep",
        b"[" * 20_000 + b"](",
        b"*a " * 50_000,
        b"x" * 8_000_000,
        b"word " * 1_600_000,
        b"a\x00b" * 100,
        b"<p>a</p>" + b"\x00" * 9000,
    ],
    ids=lambda content: repr(content[:14]),
)
def test_deep_and_endless_texts_are_read_or_refused(content: bytes) -> None:
    began = time.monotonic()
    with contextlib.suppress(ExtractionFailed):
        assert extract(content, "x").text.strip()
    assert time.monotonic() - began < 20


SEEDS = (
    files.PAGE,
    "# Frakt\n\n- ett\n- två\n\n| a | b |\n|---|---|\n| 1 | 2 |\n".encode(),
    b"q,a\nHow?,So.\n",
)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252", "cp500")),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=12), st.integers(1, 40)), max_size=5),
)
def test_mutated_texts_of_any_encoding_are_read_or_refused(
    seed: bytes, encoding: str, changes: list[tuple[int, bytes, int]]
) -> None:
    content = seed.decode().encode(encoding, errors="replace")
    for at, put, times in changes:
        at %= len(content) + 1  # noqa: PLW2901
        content = content[:at] + put * times + content[at + len(put) :]
    with contextlib.suppress(ExtractionFailed):
        document = extract(content, "x")
        text = document.text
        assert "\x00" not in text
        assert text.encode("utf-8")
        assert all(text[block.start : block.end] == block.text for block in document.blocks)
