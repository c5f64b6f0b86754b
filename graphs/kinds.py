"""What kind of thing a question asks for (a price, a temperature, a code), and whether a text has one."""

import re
from typing import Final

_ASKS: Final[dict[str, re.Pattern[str]]] = {
    "price": re.compile(
        r"kosta|kostnad|\bpris|avgift|\bdyr|\bbillig|how much (?:is|are|does|do|would)|\bcosts?\b"
        r"|price|\bfee|charge|koster|gebyr|maksaa|hinta|betala för|betalt\b|kronor|belopp|do i pay|to pay for"
        r"|\bwhat\b.*\bpay\b|vad (?:drar|tar) ni|\bdeposition|\bdeposit\b|set (?:me|us) back",
        re.IGNORECASE,
    ),
    "duration": re.compile(
        r"hur (?:lång tid|länge|snabbt)|hur många (?:dag|veck|månad|år|timm|minut)|hur gamm|how old"
        r"|how (?:long|fast|soon)|how many (?:day|week|month|year|hour|minute)|\w+tiden?\b"
        r"|hvor (?:lenge|længe)|hvor lang tid|kuinka (?:kauan|pitkä)|hur ofta|how often|giltig"
        r"|öppet köp",
        re.IGNORECASE,
    ),
    "temperature": re.compile(
        r"temperatur|hur (?:varm|kall)|\bgrader|hur kallt|how (?:hot|cold|warm)|degrees|lämpötil"
        r"|minusgrad",
        re.IGNORECASE,
    ),
    "weight": re.compile(r"\bväg(?:er|a)\b|\bvikt|\btung|weigh|heavy|vejer|veier|paina", re.IGNORECASE),
    "size": re.compile(
        r"hur (?:stor|hög|bred|djup|tjock)|(?:vilken|vilka) storlek|\bmått|how (?:big|tall|large|deep|wide"
        r"|far|thick)|(?:what|which) size|dimension|volym|rymmer",
        re.IGNORECASE,
    ),
    "length": re.compile(r"hur lång(?:t|a)?\b(?! tid)|hvor lang[te]?\b(?! tid)", re.IGNORECASE),
    "share": re.compile(r"procent|percent|rabatt|discount|\bränta|prosent|hur stor del|andel", re.IGNORECASE),
    "time": re.compile(
        r"\bnär\b|vilken (?:tid|dag)|hur dags|\böppet\b(?! köp)|öppettid|stänger|\bwhen\b|what (?:time"
        r"|day|year)|opening hours|\bopen\b|\bclose|hvornår|milloin|datum|\bdate\b|vilket år"
        r"|vilka tider|deadline",
        re.IGNORECASE,
    ),
    "contact": re.compile(
        r"telefon|\bring[ae]r?\b|mejl|e-?post|\bmaila?\b|kontakta|\bphone|\bcall\b|e-?mail|\breach\b"
        r"|contact|puhelin|sähköpost",
        re.IGNORECASE,
    ),
    "code": re.compile(
        r"batch|serienummer|artikeln|modell|\bkod|nummer|\bcode|\bnumber\b|\bmodel|serial|\bsku\b"
        r"|numero",
        re.IGNORECASE,
    ),
    "count": re.compile(
        r"hur många|how many|hvor mange|montako|kuinka monta|\bantal|högst|\bmax", re.IGNORECASE
    ),
    "place": re.compile(
        r"\bvar (?:ligger|finns|kan|hittar|är)\b|\bvart\b|adress|\bwhere\b|address|hvor (?:ligger"
        r"|finner)|\bmissä",
        re.IGNORECASE,
    ),
}
_DURATION: Final = (
    r"(?:\d|\b(?:en|ett|två|tre|fyra|fem|sex|sju|åtta|tio|tolv|one|two|three|four|five|six"
    r"|ten)\s)[\d –-]*(?:arbets|bank|var|business |working )?(?:dag|dygn|veck|månad|år|timm|minut"
    r"|sekund|day|week|month|year|hour|min\b|dage|uke|uge|måned|time|päiv|viik|kuukau|vuo|h\b)"
)
_SIZE: Final = r"\d\s?(?:mm|cm|dm|m|km|m²|m2|kvm|meter|metres|meters|liter|l|tum|inch\w*|hektar)\b"
_HAS: Final[dict[str, re.Pattern[str]]] = {
    "price": re.compile(
        r"\d[\d  .,–-]*\s?(?:kr|sek|kronor|:-|,-|€|eur|\$|usd|nok|dkk|tkr|mkr)|(?:sek|eur|usd|€"
        r"|\$)\s?\d|gratis|avgiftsfri|kostnadsfri|free of charge|\bfree\b|ilmai",
        re.IGNORECASE,
    ),
    "duration": re.compile(_DURATION, re.IGNORECASE),
    "length": re.compile(f"{_DURATION}|{_SIZE}", re.IGNORECASE),
    "temperature": re.compile(
        r"\d\s?(?:°|º|grader|degrees|astetta|minus|plus)|(?<![\w.])[-+−]\d{1,2}\b", re.IGNORECASE
    ),
    "weight": re.compile(r"\d\s?(?:kg|g|gram|kilo\w*|ton)\b", re.IGNORECASE),
    "size": re.compile(_SIZE, re.IGNORECASE),
    "share": re.compile(r"\d\s?(?:%|procent|percent|prosent)", re.IGNORECASE),
    "time": re.compile(
        r"\b\d{1,2}[.:]\d\d\b|kl\.? ?\d|\b(?:1[5-9]|20)\d\d\b|månd|tisd|onsd|torsd|fred|lörd|sönd"
        r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday|vardag|weekday|januari|februari"
        r"|mars\b|april|maj\b|juni|juli|augusti|september|oktober|november|december|january|february"
        r"|march\b|may\b|june|july|august|october",
        re.IGNORECASE,
    ),
    "contact": re.compile(r"\S@\S|\b0\d{1,3}[ -]\d|\+\d\d", re.IGNORECASE),
    "code": re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-ZÅÄÖ-])[A-Z0-9ÅÄÖ][\w-]{2,}\b|\b\d{4,}\b"),
    "count": re.compile(r"\d", re.IGNORECASE),
    "place": re.compile(
        r"gatan|vägen|torget|street|\broad\b|\b\d{3} ?\d\d\b|https?:|www\.|\b\w+\.(?:se|com|no|fi"
        r"|dk)\b",
        re.IGNORECASE,
    ),
}


def asked_for(question: str) -> frozenset[str]:
    """Return the kinds of thing a question asks for; none when it asks how, why or whether."""
    return frozenset(kind for kind, asks in _ASKS.items() if asks.search(question))


def had(kinds: frozenset[str], text: str) -> frozenset[str]:
    """Return which of these kinds a text has one of."""
    return frozenset(kind for kind in kinds if _HAS[kind].search(text))
