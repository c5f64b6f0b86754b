"""Development pools and questions: real ones from ../shared/data, and what nobody can answer."""

import json
import random
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foundation.turns import Language

COLLOQUIAL = Path(__file__).resolve().parents[1] / "data" / "colloquial.jsonl"
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@dataclass(frozen=True, slots=True)
class Item:
    """One passage of a pool."""

    key: str
    heading: str
    language: Language
    text: str
    title: str = "pool"
    seen: str = ""
    """What its vector is made of; empty for heading and text."""

    @property
    def embedded(self) -> str:
        return self.seen or (f"{self.heading}\n{self.text}" if self.heading else self.text)


@dataclass(frozen=True, slots=True)
class Case:
    """A question to a pool. `group` is what must not be on both sides of the split."""

    pool: str
    question: str
    language: Language
    kind: str
    group: str
    gold: str = ""
    """The item that answers; empty when none does."""
    without: str = ""
    """An item to be taken out of what is found."""


def read_from(folder: Path) -> None:
    """Take the shared data from another folder, laid out like ../shared/data."""
    global DATA  # noqa: PLW0603 - set once, by the entry point
    DATA = folder


def data() -> Path:
    return DATA


def rows(name: str) -> list[dict[str, Any]]:
    with (DATA / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def faq() -> list[dict[str, Any]]:
    return rows("retrieval/faq_zaragoza_sv_en.jsonl")


def squad() -> list[dict[str, Any]]:
    """Return the first twelve paragraphs of each article, each with five of its questions."""
    seen: dict[str, int] = {}
    chosen = []
    pick = random.Random(7)
    for row in rows("retrieval/squad_v2_sv_dev.jsonl"):
        seen[row["title"]] = seen.get(row["title"], 0) + 1
        if seen[row["title"]] <= 12:
            chosen.append({**row, "qas": pick.sample(row["qas"], min(5, len(row["qas"])))})
    return chosen


def help_pages() -> list[dict[str, str]]:
    """Return the English help centre's pages: key, title, section and the first 1,000 characters."""
    pages = []
    for path in sorted((DATA / "kb_duckduckgo").glob("*.md")):
        head, _, body = path.read_text(encoding="utf-8").removeprefix("---").partition("\n---")
        facts = dict(re.findall(r"^(\w+): *(.+)$", head, re.MULTILINE))
        if "title" in facts and len(body) > 200:
            text = body.strip()[:1000].rsplit("\n", 1)[0]
            section = facts.get("sub_category") or facts.get("category", "")
            pages.append({"key": path.stem, "title": facts["title"], "section": section, "text": text})
    return pages


def pools() -> dict[str, list[Item]]:
    swedish = [Item(row["id"], "", "sv", row["a_sv"]) for row in faq()]
    english = [Item(row["id"] + "/en", "", "en", row["a_en"]) for row in faq()]
    return {
        "faq_sv": swedish,
        "faq_en": english,
        "faq_both": swedish + english,
        "squad": [Item(row["id"], row["title"].replace("_", " "), "sv", row["context"]) for row in squad()],
        "help": [Item(page["key"], page["section"], "en", page["text"]) for page in help_pages()],
    }


def answerable() -> Iterator[Case]:
    for row in faq():
        group, sv, en = row["category"], row["q_sv"], row["q_en"]
        yield Case("faq_sv", sv, "sv", "own", group, row["id"])
        yield Case("faq_en", en, "en", "own", group, row["id"] + "/en")
        yield Case("faq_both", sv, "sv", "own", group, row["id"])
        yield Case("faq_en", sv, "sv", "crossed", group, row["id"] + "/en")
        yield Case("faq_sv", en, "en", "crossed", group, row["id"])
        yield Case("faq_sv", sv, "sv", "removed", group, without=row["id"])
        yield Case("faq_en", en, "en", "removed", group, without=row["id"] + "/en")
    for row in squad():
        for asked in row["qas"]:
            if asked["answerable"]:
                yield Case("squad", asked["question"], "sv", "own", row["title"], row["id"])
            else:
                yield Case("squad", asked["question"], "sv", "unanswerable", row["title"])
    for page in help_pages():
        yield Case("help", page["title"], "en", "own", page["key"], page["key"])


def off_topic() -> Iterator[Case]:
    pick = random.Random(7)
    swedish = [row["q_sv"] for row in faq()]
    swedish += [asked["question"] for row in squad()[::3] for asked in row["qas"][:1]]
    strangers = pick.sample(rows("intents/clinc150_test_oos.jsonl"), 500)
    bankers = pick.sample(rows("intents/banking77_test.jsonl"), 200)
    for index, row in enumerate(strangers + bankers):
        pool = ("faq_en", "help", "faq_sv", "squad", "faq_both")[index % 5]
        yield Case(pool, row["text"], "en", "off_topic", row.get("intent") or row["category"])
    for index, question in enumerate(swedish):
        if index < len(faq()):
            group = faq_groups()[question]
            yield Case("squad" if index % 2 else "help", question, "sv", "off_topic", group)
        else:
            group = str(index % 10)
            yield Case(("faq_sv", "faq_both", "help")[index % 3], question, "sv", "off_topic", group)
    for index, text in enumerate([*gibberish(), *SMALL_TALK]):
        pool = ("faq_sv", "faq_en", "faq_both", "squad", "help")[index % 5]
        language: Language = "en" if index % 2 else "sv"
        kind = "gibberish" if index < 120 else "small_talk"
        yield Case(pool, text, language, kind, str(index % 10))


def colloquial() -> Iterator[Case]:
    """Yield the questions in customers' own words: in their language, across it, and with no answer."""
    groups = {row["id"]: row["category"] for row in faq()}
    ends = {"sv": "", "en": "/en"}
    with COLLOQUIAL.open(encoding="utf-8") as lines:
        asked = [json.loads(line) for line in lines]
    for index, row in enumerate(asked):
        own: Language = row["language"]
        other: Language = "en" if own == "sv" else "sv"
        text, item = row["question"], row["id"]
        if item:
            group = groups[item]
            yield Case(f"faq_{own}", text, own, "colloquial", group, item + ends[own])
            yield Case(f"faq_{other}", text, own, "colloquial_crossed", group, item + ends[other])
            yield Case("faq_both", text, own, "colloquial_both", group, item)
            without = item + ends[own]
            yield Case(f"faq_{own}", text, own, "colloquial_removed", group, without=without)
        else:
            for pool in ("faq_sv", "faq_en", "faq_both", "squad", "help"):
                yield Case(pool, text, own, "colloquial_off_topic", f"colloquial {index}")


def faq_groups() -> dict[str, str]:
    return {row["q_sv"]: row["category"] for row in faq()}


def gibberish() -> list[str]:
    """Return 120 texts that mean nothing: neighbouring keys, random letters, scrambled words, symbols."""
    pick = random.Random(11)
    keyboard = ("qwertyuiopå", "asdfghjklöä", "zxcvbnm")
    plain = [word for row in faq()[::9] for word in row["q_sv"].split()]
    texts = []
    for index in range(120):
        if index % 4 == 0:
            line = pick.choice(keyboard)
            start = pick.randrange(len(line) - 4)
            text = (line[start : start + 5] + " ") * pick.randint(1, 3)
        elif index % 4 == 1:
            text = " ".join(
                "".join(pick.choices(string.ascii_lowercase, k=pick.randint(2, 9)))
                for _ in range(pick.randint(1, 5))
            )
        elif index % 4 == 2:
            text = " ".join("".join(pick.sample(word, len(word))) for word in pick.sample(plain, 4))
        else:
            text = "".join(pick.choices("?!.,;:123456789 xyz", k=pick.randint(2, 15)))
        texts.append(text.strip() or "?")
    return texts


SMALL_TALK = tuple(
    """
hej|hejsan där!|tjena|god morgon|hallå?|tack|tack så jättemycket!|ok tack då vet jag|ha en bra dag
hej då|hur mår du?|vem är du?|är du en robot?|vad heter du?|hur gammal är du?|vad gör du?
kan du prata svenska?|jag är ledsen|du är dum|haha vad kul|jaha|nja|kanske|ja|nej|precis|vet inte
vad tråkigt|jag älskar dig|berätta ett skämt|sjung en sång|skriv en dikt om våren
vad är meningen med livet?|vem är statsminister?|vad blir det för väder i helgen?
vilket lag vann i går?|vad är 7 gånger 8?|vad ska jag äta till middag?|översätt hund till franska
vad är klockan?|hur långt är det till månen?|ge mig ett recept på pannkakor|hi|hello there
good morning|hey you|thanks|thank you so much|bye|see you|how are you?|who are you?|are you human?
what's your name?|how old are you?|do you like music?|i am sad|you are stupid|lol|maybe|yes|no
exactly|i love you|tell me a joke|sing me a song|write a poem about spring
what is the meaning of life?|who is the president?|will it rain tomorrow?|who won the game?
what is 7 times 8?|what should i eat for dinner?|what time is it?|translate dog into french
how far away is the moon?|give me a pancake recipe|book me a flight to rome
what is the capital of australia?|vad heter Frankrikes huvudstad?|vem uppfann glödlampan?
rita en katt
""".strip()
    .replace("\n", "|")
    .split("|")
)
