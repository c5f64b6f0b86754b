"""Why a document could not be read: stable codes, and sentences for the people who uploaded it."""

from enum import StrEnum


class Reason(StrEnum):
    """A code that is stored and shown; never renamed, only added to."""

    EMPTY = "empty"
    NO_TEXT = "no_text"
    PASSWORD = "password"  # noqa: S105 - the reason's name, not a secret
    DAMAGED = "damaged"
    UNSUPPORTED = "unsupported"
    TOO_LARGE = "too_large"
    CELL_TOO_LARGE = "cell_too_large"
    TOO_DEMANDING = "too_demanding"
    BAD_ADDRESS = "bad_address"
    ADDRESS_REFUSED = "address_refused"
    UNREACHABLE = "unreachable"
    FILE_MISSING = "file_missing"
    GONE = "gone"
    UNLISTED = "unlisted"
    NO_SITEMAP = "no_sitemap"
    NO_PAGES = "no_pages"
    ROBOTS = "robots"
    CANCELLED = "cancelled"
    PLAN_LIMIT = "plan_limit"
    INTERNAL = "internal"


_SENTENCES = {
    Reason.EMPTY: ("Dokumentet är tomt.", "The document is empty."),
    Reason.NO_TEXT: (
        "Dokumentet innehåller ingen text. Är det inskannat, kör texttolkning (OCR) först.",
        "The document contains no text. If it is scanned, run text recognition (OCR) first.",
    ),
    Reason.PASSWORD: (
        "Dokumentet är skyddat med lösenord. Spara det utan lösenord och ladda upp det igen.",
        "The document is protected by a password. Save it without one and upload it again.",
    ),
    Reason.DAMAGED: (
        "Filen är skadad. Öppna den, spara den på nytt och ladda upp den igen.",
        "The file is damaged. Open it, save it again and upload it once more.",
    ),
    Reason.UNSUPPORTED: (
        "Filtypen stöds inte. Använd PDF, Word (.docx), webbsidor, Markdown, CSV eller ren text.",
        "This file type is not supported. Use PDF, Word (.docx), web pages, Markdown, CSV or plain text.",
    ),
    Reason.TOO_LARGE: (
        "Dokumentet är för stort. Dela upp det i mindre delar.",
        "The document is too large. Split it into smaller parts.",
    ),
    Reason.CELL_TOO_LARGE: (
        "En cell i tabellen är längre än 100 000 tecken. Oftast saknas ett citattecken.",
        "A cell of the table is longer than 100,000 characters. Usually a quotation mark is missing.",
    ),
    Reason.TOO_DEMANDING: (
        "Dokumentet tar för lång tid eller för mycket minne att läsa. Dela upp det i mindre delar.",
        "The document takes too long or too much memory to read. Split it into smaller parts.",
    ),
    Reason.BAD_ADDRESS: (
        "Adressen är ingen giltig webbadress (http eller https).",
        "The address is not a valid web address (http or https).",
    ),
    Reason.ADDRESS_REFUSED: (
        "Adressen leder till ett internt nät och hämtas därför inte.",
        "The address leads to an internal network and is therefore not fetched.",
    ),
    Reason.UNREACHABLE: (
        "Sidan kunde inte hämtas. Kontrollera adressen och försök igen.",
        "The page could not be fetched. Check the address and try again.",
    ),
    Reason.FILE_MISSING: (
        "Den uppladdade filen finns inte kvar. Ladda upp den igen.",
        "The uploaded file is no longer there. Upload it again.",
    ),
    Reason.GONE: (
        "Sidan finns inte längre. Det som lästes tidigare används tills du tar bort källan.",
        "The page is no longer there. What was read before is used until you delete the source.",
    ),
    Reason.UNLISTED: (
        "Webbplatsen leder inte till sidan längre. Det som lästes tidigare används tills du tar bort källan.",
        "The site no longer leads to this page. What was read before is used until you delete the source.",
    ),
    Reason.NO_SITEMAP: (
        "Adressen är ingen webbplatskarta (sitemap). Ange den fil som listar sidorna, ofta /sitemap.xml.",
        "The address is not a sitemap. Give the file that lists the pages, often /sitemap.xml.",
    ),
    Reason.NO_PAGES: (
        "Inga sidor hittades. Kontrollera adressen och vad som ska tas med eller uteslutas.",
        "No pages were found. Check the address, and what is to be included and excluded.",
    ),
    Reason.ROBOTS: (
        "Webbplatsens robots.txt tillåter inte att sidan läses.",
        "The site's robots.txt does not allow this page to be read.",
    ),
    Reason.PLAN_LIMIT: (
        "Abonnemanget rymmer inte fler källor. Ta bort några eller välj ett större.",
        "The plan has no room for more sources. Delete some, or choose a larger plan.",
    ),
    Reason.CANCELLED: (
        "Inläsningen avbröts. Läs in igen när du vill.",
        "Reading was cancelled. Start it again when you like.",
    ),
    Reason.INTERNAL: (
        "Något gick fel hos oss. Försök igen.",
        "Something went wrong on our side. Try again.",
    ),
}


def sentence(code: str, language: str) -> str:
    """Return the sentence for a stored reason code, in Swedish for `sv`, else in English."""
    reason = Reason(code) if code in set(Reason) else Reason.INTERNAL
    swedish, english = _SENTENCES[reason]
    return swedish if language == "sv" else english
