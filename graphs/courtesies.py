"""Words that claim nothing: greetings, thanks, feeling with somebody, and what leads an answer in."""

from typing import Final

from graphs.words import content

COURTESIES: Final = content(
    # What leads in, points on, or asks back.
    "mejla maila ring ringa skriv besök läs email mail call phone visit read write hej tack fråga "
    "frågan frågor hjälpa hjälper hjälp gärna hoppas välkommen svar svaret information enligt följande "
    "steg stegen kontakta vänligen kort sammanfattning självklart absolut såklart undrar berätta mer "
    "hör höra fler ytterligare lycka ledsen tyvärr förstår hello hi thanks thank question questions "
    "help happy glad hope welcome answer information according following steps please let know sure "
    "certainly absolutely course great sorry unfortunately understand summary here's further feel free "
    "more ask reach hei takk spørsmål hjelpe hjelper gjerne håper velkommen svar informasjon ifølge "
    "følgende trinn dessverre tak spørgsmål hjælpe hjælper velkommen oplysninger ifølge følgende "
    "desværre selvfølgelig hei moi kiitos kysymys kysymyksiä auttaa autan mielelläni toivottavasti "
    "tervetuloa vastaus seuraavat vaiheet valitettavasti tietysti lisää engelska engelske svenska "
    "svenske norska norske danska danske finska finske english swedish norwegian danish finnish "
    "ruotsinkielisistä englanninkielisistä norjankielisistä tanskankielisistä suomenkielisistä "
    "tiedoistamme "
    # What feels with somebody. "Jag förstår att det är jobbigt" promises nothing.
    "beklagar beklagligt ber ursäkta ursäkt besvär besväret besvärligt olägenhet tråkigt jobbigt "
    "frustrerande frustration irriterande krångligt stressande stressigt oro orolig oroande känner "
    "känns känsla låter tålamod uppskattar bra fint roligt kul trevligt intresse intresserad helt "
    "verkligen viktigt glad lugn situation situationen ställer upplever upplevelse uppstått "
    "besviken besvikelse synd läget "
    "apologize apologise apologies inconvenience frustrating frustration annoying upsetting stressful "
    "stressed worry worried worrying concern concerns concerned feeling sounds patience appreciate "
    "good nice hear hearing trouble hassle difficult tough completely totally really truly very "
    "interest interested contacting getting touch situation disappointed disappointing disappointment "
    "experience reaching understandable imagine "
    "beklager unnskyld ulempe ulempen kjedelig frustrerende irriterende bekymret bekymring føler føles "
    "høres tålmodighet setter pris skuffet interessert virkelig lei "
    "undskyld ulejlighed ulejligheden kedeligt bekymret bekymring lyder tålmodighed sætter skuffet "
    "interesseret virkelig ked "
    "pahoittelen pahoittelemme anteeksi vaiva harmi harmillista ikävä ikävää turhauttavaa ymmärrän "
    "huoli huolesi kärsivällisyydestä kärsivällisyys todella mukava hienoa "
    # What announces a list or sums up.
    "viktigaste punkter punkterna fungerar tänk tänka observera notera detaljer sammanfattningsvis korthet "
    "översikt main points point works keep mind note details briefly short overview important things "
    "viktigste fungerer husk detaljer kort oppsummering huomioi tärkeimmät lyhyesti"
)
