"""Whole documents as pools, cut as ingestion cuts them, with questions as short as customers type them.

`bank` is a bank's knowledge base, joined to one document a product; `pages` a help centre in English.
tests/data/documents.jsonl holds the questions, written for this: an answer is found where a passage contains
the words that a row names; a row that names none is nobody's business there. Development data.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from foundation.errors import ExtractionFailed
from foundation.languages import CLEAR, detect
from foundation.turns import Language
from ingest.chunk import chunk, embedded_text
from ingest.extract import extract
from tests.eval.pools import Case, Item, data, off_topic, rows

QUESTIONS = Path(__file__).resolve().parents[1] / "data" / "documents.jsonl"
_PRODUCTS = {
    "checking_accounts_evergreen_account": "Evergreen Account",
    "checking_accounts_gold_years_account": "Gold Years Account",
    "everyone_pay_everyone_pay": "Everyone Pay",
    "everyone_pay_sending_limits": "Everyone Pay: sending limits",
    "everyone_pay_split-the-bill": "Split the bill",
    "everyone_pay_scheduled_payments": "Scheduled payments",
    "everyone_pay_user_blocking": "Blocking users",
    "everyone_pay_qr_transfers": "QR transfers",
}


def passages_of(content: bytes, name: str, language: Language) -> list[Item]:
    """Return a document's passages as ingestion makes them; `language` where a passage's own is unclear."""
    document = extract(content, name)
    return [
        Item(
            key=f"{name}#{each.ordinal}",
            heading=each.heading,
            language=each.language,
            text=each.text,
            title=document.title or name,
            seen=embedded_text(document.title or name, each),
        )
        for each in chunk(document, _language, language)
    ]


def _language(text: str) -> Language | None:
    detected = detect(text)
    return detected.language if detected.confidence >= CLEAR else None


def document_pools() -> dict[str, list[Item]]:
    bank = [each for name, text in _bank() for each in passages_of(text.encode(), name, "en")]
    pages = [
        each
        for path in sorted((data() / "kb_duckduckgo").glob("*.md"))
        if not path.name.startswith("translated__")
        for each in _readable(path)
    ]
    return {"bank": bank, "pages": pages}


def _readable(path: Path) -> list[Item]:
    """Return a page's passages; none where a page only leads to another one and has no text."""
    try:
        return passages_of(path.read_bytes(), path.name, "en")
    except ExtractionFailed:
        return []


def _bank() -> Iterator[tuple[str, str]]:
    documents = rows("tau2/banking_documents.jsonl")
    for prefix, product in _PRODUCTS.items():
        parts = [
            f"# {each['title']}\n\n" + re.sub("^#", "##", each["content"], flags=re.MULTILINE)
            for each in documents
            if each["id"].startswith(f"doc_{prefix}_") and "Internal" not in each["title"]
        ]
        yield f"{prefix}.md", f"---\ntitle: {product}\n---\n\n" + "\n\n".join(parts)


def wanted() -> list[tuple[Case, tuple[str, ...]]]:
    """Return each question with the words that its answer contains; none when nothing there answers it."""
    shelf = document_pools()
    found = []
    with QUESTIONS.open(encoding="utf-8") as lines:
        for index, row in enumerate(map(json.loads, lines)):
            pool, parts = row["pool"], tuple(row["contains"])
            golds = holding(shelf[pool], parts) if parts else []
            kind = f"documents_{row['language']}" if parts else "documents_off_topic"
            group = golds[0].partition("#")[0] if golds else f"{pool} {index}"
            found.append((Case(pool, row["question"], row["language"], kind, group), parts))
    return found


def holding(items: Sequence[Item], parts: Sequence[str]) -> list[str]:
    """Return the keys of the passages that contain all parts."""
    return [item.key for item in items if _contains(item.text, parts)]


def answers(text: str, parts: Sequence[str]) -> bool:
    """Say whether a text contains all that was wanted."""
    return bool(parts) and _contains(text, parts)


def _contains(text: str, parts: Sequence[str]) -> bool:
    return all(part.casefold() in text.casefold() for part in parts)


def strangers() -> Iterator[Case]:
    """Yield every fourth of the questions that are nobody's business, asked of these pools."""
    for index, case in enumerate(off_topic()):
        if index % 4 == 0:
            yield replace(case, pool="pages" if index % 8 else "bank")
