"""Why: pages are written in Chinese and read in two languages. Catalogues are gettext's; the English one is read from its .po when the process starts,
so that nothing compiled lies in the repository. Called by `rendering` and `words`.

New texts: `pybabel extract -F babel.cfg -o var/portal.pot .`, then add them to i18n/en/LC_MESSAGES/portal.po; a test names what is missing.
"""

import io
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import cast

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from schemas.errors import Language
from schemas.library import LIBRARIES, library

CATALOGUES = Path(__file__).parent / "i18n"
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@cache
def translations(language: Language) -> NullTranslations:
    """Return the catalogue of a language; Chinese is the text itself."""
    if language == "zh":
        return NullTranslations()
    with (CATALOGUES / language / "LC_MESSAGES" / "portal.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    for name in LIBRARIES:  # declared in both languages: a library that a bureau adds needs no translation here
        catalogue.add(library(name).name["zh"], library(name).name["en"])
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def chosen(*wishes: str | None) -> Language:
    """Return the first wish that is a language of ours; Chinese when none is."""
    return cast(Language, next((wish for wish in wishes if wish in LANGUAGES), "zh"))


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "a text to be translated elsewhere"
    """Mark a text for the catalogue; it is translated where it is shown."""
    return text
