"""Which words of a question are worth searching for."""

from graphs.words import STOP, words, words_of

# What people wrap around what they want to know. They would count as rare words where a tenant's passages,
# written in another tone, do not have them.
_POLITE = words_of(
    "again am behöva behöver berätta between brukar bör doing done each egentligen ens every fanns finnas "
    "fråga frågor fått genom gets gjort gäller gå had han having hei hej hejsan hello help helst hey hi "
    "him hjälp hjälpa hon hun hvem hvilke hvilket hvorfor hän i've icke igen im inga ingen inget innan ju "
    "kiitos know kommer kuka kunde let like lite many mellan mer mest mihin miksi mikä mikäs mistä moi "
    "much mycket många need ner nog nu ok okej os please question saa saako same samma say shall sinun "
    "skall snälla such säga sådan tack tak takk tell thank thanks them there's too tuo typ undrar ungefär "
    "upp us ut varför varje vart ved vem vems very veta vilja ville voiko voivat väl what's whom whose "
    "without wonder wondering än även åt "
    # how people talk
    "alltså anyone anything ba bara bit de' dej det' dig dom ens eran fattar folk funderar få förresten "
    "gonna grej grejer grejen gubbe guys ha hörni hört igång jaha jo just killen kinda kolla liksom lite "
    "löser massa mej men minsann mkt nog någonstans nån nåns nånstans nånting nåt nåra oj ok okay ordentligt "
    "pls plz rätt sak saker sen sej själv snubben snälla somebody someone something sorry stuff sån såna "
    "sånt tex thing things thinking tja tjena tro tror tyvärr tänkt tänkte tänker va verkligen wanna "
    "actually basically really currently wondered würde ehm hmm öh asså btw pga mvh "
)


def content_words(text: str) -> tuple[str, ...]:
    """Return the words and numbers of `text` that carry meaning, lower case, in order, each once.

    A text of little words only gives none.
    """
    return tuple(dict.fromkeys(word for word in words(text) if word not in STOP and word not in _POLITE))
