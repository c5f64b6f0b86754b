"""When a full stop is not the end of a sentence: abbreviations, ordinals, initials."""

import re
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEVER_LAST: Final = _words(
    "t.ex. bl.a. d.v.s. dvs. p.g.a. pga. kl. nr. art.nr. tel. tfn. ca. inkl. exkl. resp. jfr. s.k. "
    "fr.o.m. t.o.m. o.dyl. ang. avs. milj. mdr. tkr. ev. prel. forts. förf. betr. bil. obs. vard. "
    "e.g. i.e. mr. mrs. ms. dr. prof. vs. approx. incl. excl. est. viz. cf. "
    "f.eks. bl.a. jf. tlf. vedr. ift. f.o.m. hhv. mht. ekskl. iflg. "
    "esim. ns. puh. klo. eli. sis. vrt. n."
)
_MAYBE_LAST: Final = _words(
    "m.m. mm. m.fl. osv. o.s.v. etc. e.d. o.d. m.v. mv. jne. ym. yms. jr. sr. inc. ltd. a.m. p.m. e.kr. f.kr."
)
_BEFORE_NUMBER: Final = _words(
    "st. kap. sid. pp. no. nos. art. pkt. tab. fig. vol. avd. vån. "
    "max. min. ext. anv. par. sec. ch. pos. ref. mod. ver. id. pr. postnr. "
    "jan. feb. febr. mar. apr. jun. jul. aug. sep. sept. okt. oct. nov. dec. des. "
    "mån. tis. ons. tors. fre. lör. sön. tue. tues. wed. thu. thur. thurs. fri. "
    "tir. tirs. tor. lør. søn."
)
"""No end before a number (`jan. 2026`, `kap. 4`); before a capital they are the end of one."""
_NUMBER_WORD: Final = re.compile(r"[^\W\d_]*(?:[^\W\d_]-)?(?:nr|tfn|tlf)\.|(?:mobil|arbets|hem)-?tel\.")
"""`artikelnr.`, `ordernr.`, `mobiltel.`: what follows is the number, or `saknas`."""
_DOTTED: Final = re.compile(r"(?:[^\W\d_]{1,3}\.){2,}")
_ORDINAL: Final = re.compile(r"\d{1,3}\.")
_INITIAL: Final = re.compile(r"[^\W\d_]\.")
_OPENING: Final = "\"'“”‘’«»([*_"


def ends_sentence(text: str, following: str) -> bool:
    """Say whether `text`, which ends with a terminator, ends a sentence before the character `following`."""
    if following.islower():
        return False
    stripped = text.rstrip("\"'”’»)*_")
    if not stripped.endswith(".") or stripped.endswith(".."):
        return True
    parts = stripped.split()
    token = parts[-1].lstrip(_OPENING).lower() if parts else ""
    if token in _MAYBE_LAST:
        return following.isupper()
    if token in _NEVER_LAST or _DOTTED.fullmatch(token) or _INITIAL.fullmatch(token):
        return False
    numbered = token in _BEFORE_NUMBER or _NUMBER_WORD.fullmatch(token) or _ORDINAL.fullmatch(token)
    return not (numbered and following.isdigit())
