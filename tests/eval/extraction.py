"""`make eval NAME=extraction`: what becomes of real files, and how much of their structure is kept.

Each file is read in a process of its own with the service's limits of time and memory: what ends without an
answer, or too late, is a crash. Web pages are measured on two halves, of which only `development` may be
looked at when the reading is changed.
"""

import gzip
import io
import json
import multiprocessing
import re
import resource
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import docx
import trafilatura
from docx.opc.exceptions import PackageNotFoundError

from foundation.errors import ExtractionFailed
from ingest.compute import EXTRACTION_SECONDS
from ingest.extract import Document, extract
from ingest.extract.detect import decode
from ingest.extract.html import parse
from ingest.extract.markup import headings_of
from tests.eval import pools

Result = dict[str, Any]
Outcome = Document | str | None
"""A document, the reason why there is none, or None for a crash."""

_MEMORY = 4_000_000_000
_CELLS = re.compile(r"(?<!\\)\|")
_WORD = re.compile(r"\w+")


def measure() -> list[Result]:
    """Return a line per kind of file with its outcomes, then what was kept of structure and main text."""
    read = {kind: {path: _isolated(path) for path in _files(kind)} for kind in ("pdf", "docx", "html")}
    results = [
        {"eval": "extraction", "kind": kind, **_outcomes(each.values())} for kind, each in read.items()
    ]
    results.append({"eval": "extraction", "what": "pdf_passwords", **_passwords(read["pdf"])})
    results.append({"eval": "extraction", "what": "docx_structure", **_word_structure(read["docx"])})
    for what, pages in (("scrapinghub", list(_articles())), ("readability", list(_readable()))):
        for part, chosen in (("development", pages[::2]), ("held_out", pages[1::2])):
            figures = _main_text([(path, truth, read["html"][path]) for path, truth in chosen])
            results.append({"eval": "extraction", "what": f"html_{what}", "part": part, **figures})
    for part, pages in (("development", list(_readable())[::2]), ("held_out", list(_readable())[1::2])):
        kept = _page_structure([(path, read["html"][path]) for path, _ in pages])
        results.append({"eval": "extraction", "what": "html_structure", "part": part, **kept})
    return results


def _files(kind: str) -> list[Path]:
    ends = {"pdf": (".pdf",), "docx": (".docx",), "html": (".html.gz", "/source.html")}[kind]
    return sorted(path for path in (pools.data() / kind).rglob("*") if path.as_posix().endswith(ends))


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    return gzip.decompress(content) if path.suffix == ".gz" else content


def _isolated(path: Path) -> Outcome:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(path, theirs))
    process.start()
    theirs.close()
    try:
        return ours.recv() if ours.poll(EXTRACTION_SECONDS) else None
    except EOFError:
        return None
    finally:
        process.kill()
        process.join()


def _answer(path: Path, to: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        to.send(extract(_content(path), path.name))
    except ExtractionFailed as failure:
        to.send(str(failure.data["reason"]))


def _outcomes(outcomes: Iterable[Outcome]) -> Result:
    outcomes = list(outcomes)
    reasons = Counter(each for each in outcomes if isinstance(each, str))
    return {
        "files": len(outcomes),
        "text": sum(isinstance(each, Document) for each in outcomes),
        "stated_reason": reasons.total(),
        "crash": outcomes.count(None),
        "reasons": dict(reasons),
    }


def _passwords(read: dict[Path, Outcome]) -> Result:
    """Of the files stated to need a password, how many say so; and how many others do, wrongly.

    A file whose password only guards its owner's rights opens without one, and its name says which it is.
    """
    index = json.loads((pools.data() / "pdf/pdfjs_index.json").read_text(encoding="utf-8"))
    needed = {path for path in read if "-user-password" in path.name or "both-passwords" in path.name}
    needed |= {path for path in read if index.get(path.name, {}).get("password")}
    said = {path for path, outcome in read.items() if outcome == "password"}
    return {"needed": len(needed), "said": len(needed & said), "said_wrongly": len(said - needed)}


def _word_structure(read: dict[Path, Outcome]) -> Result:
    """Compare with python-docx's own reading: non-empty cells by table, row and column; headings by style."""
    cells, headings = Counter[str](), Counter[str]()
    for path, outcome in read.items():
        if not isinstance(outcome, Document):
            continue
        try:
            opened = docx.Document(io.BytesIO(path.read_bytes()))
        except (PackageNotFoundError, KeyError, ValueError):
            continue  # "strict" files, which python-docx does not know
        tables = [_word_table(table) for table in opened.tables]
        theirs: Cells
        ours: Cells
        for theirs, ours in zip_longest([table for table in tables if table], _tables(outcome), fillvalue={}):
            cells.update(of=len(theirs), kept=len(theirs.items() & ours.items()), ours=len(ours))
        titles = Counter(_word_headings(opened))
        own = Counter((block.level, block.text) for block in outcome.blocks if block.kind == "heading")
        headings.update(of=titles.total(), kept=(titles & own).total(), ours=own.total())
    return {**_shares("cells", cells), **_shares("headings", headings)}


Cells = dict[tuple[int, int], str]


def _word_table(table: Any) -> Cells:
    """Return a table's non-empty cells by row and column, merged ones once; none for a one-column frame."""
    seen: set[Any] = set()
    rows: list[list[str]] = []
    for row in table.rows:
        rows.append([])
        for cell in row.cells:
            rows[-1].append("" if cell._tc in seen else " ".join(cell.text.split()))
            seen.add(cell._tc)
    return _placed(rows) if max(map(len, rows), default=0) > 1 else {}


def _tables(document: Document) -> Iterator[Cells]:
    for block in document.blocks:
        if block.kind == "table":
            lines = block.text.split("\n")
            yield _placed(
                [
                    [cell.replace("\\|", "|").strip() for cell in _CELLS.split(line)[1:-1]]
                    for line in [lines[0], *lines[2:]]
                ]
            )


def _placed(rows: list[list[str]]) -> Cells:
    filled = [row for row in rows if any(row)]
    return {(at, column): cell for at, row in enumerate(filled) for column, cell in enumerate(row) if cell}


def _word_headings(opened: Any) -> Iterator[tuple[int, str]]:
    for paragraph in opened.paragraphs:
        name = (paragraph.style.name or "").lower() if paragraph.style is not None else ""
        level = 1 if name == "title" else int(name[-1]) if re.fullmatch(r"heading [1-6]", name) else 0
        text = " ".join(paragraph.text.split())
        if level and text:
            yield level, text


def _page_structure(pages: list[tuple[Path, Outcome]]) -> Result:
    """Of the headings and table cells in the expected main content, count those in ours, in any order."""
    cells, headings = Counter[str](), Counter[str]()
    for path, outcome in pages:
        expected = parse(decode((path.parent / "expected.html").read_bytes()))
        theirs = Counter(_squeezed(each.text_content()) for each in headings_of(expected))
        blocks = outcome.blocks if isinstance(outcome, Document) else ()
        own = Counter(_squeezed(block.text) for block in blocks if block.kind == "heading")
        theirs.pop("", None)
        headings.update(of=theirs.total(), kept=(theirs & own).total())
        texts = Counter(_squeezed(cell.text_content()) for cell in expected.iter("td", "th"))
        texts.pop("", None)
        tables = list(_tables(outcome)) if isinstance(outcome, Document) else []
        mine = Counter(_squeezed(text) for table in tables for text in table.values())
        cells.update(of=texts.total(), kept=(texts & mine).total())
    return {**_shares("cells", cells), **_shares("headings", headings)}


def _squeezed(text: str) -> str:
    return "".join(_WORD.findall(text)).lower()


def _shares(what: str, counts: Counter[str]) -> Result:
    """Return how many there are, the share kept, and where counted the share of ours that is right."""
    figures: Result = {what: counts["of"], f"{what}_kept": _share(counts["kept"], counts["of"])}
    return figures | ({f"{what}_right": _share(counts["kept"], counts["ours"])} if counts["ours"] else {})


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 3) if whole else None


def _articles() -> Iterator[tuple[Path, str]]:
    for path in sorted((pools.data() / "html/scrapinghub").glob("*.json")):
        truth = json.loads(path.read_text(encoding="utf-8"))["articleBody"]
        yield path.with_suffix(".html.gz"), truth


def _readable() -> Iterator[tuple[Path, str]]:
    for path in sorted((pools.data() / "html/readability").glob("*/expected.html")):
        yield path.with_name("source.html"), " ".join(parse(decode(path.read_bytes())).itertext())


def _main_text(pages: list[tuple[Path, str, Outcome]]) -> Result:
    ours, plain = [], []
    for path, truth, outcome in pages:
        ours.append(_overlap(truth, outcome.text if isinstance(outcome, Document) else ""))
        alone = trafilatura.extract(decode(_content(path)), include_comments=False)
        plain.append(_overlap(truth, alone or ""))
    figures: Result = {"pages": len(pages)}
    for end, each in (("", ours), ("_trafilatura", plain)):
        precision, recall = (sum(column) / len(each) for column in zip(*each, strict=True))
        f1 = 2 * precision * recall / (precision + recall)
        figures |= {f"f1{end}": round(f1, 4), f"precision{end}": round(precision, 4)}
        figures |= {f"recall{end}": round(recall, 4)}
    return figures


def _overlap(truth: str, text: str) -> tuple[float, float]:
    """Return precision and recall by runs of four words, as the article extraction benchmark counts."""
    expected, found = _shingles(truth), _shingles(text)
    both = (expected & found).total()
    return (
        both / found.total() if found else float(not expected),
        both / expected.total() if expected else 1.0,
    )


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(text)
    return Counter(tuple(words[at : at + 4]) for at in range(max(1, len(words) - 3)) if words)
