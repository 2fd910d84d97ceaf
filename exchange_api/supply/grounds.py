"""Why: a provider refuses on a ground that exists, or not at all (政务数据共享条例 art. 15: no invented conditions): the resource's own condition,
a cited law, or one of the reasons of `refusal_grounds.yml`. Called by the room's modules; pages and commands read `table` and `grounds` to offer them.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from sqlalchemy.orm import Session

from schemas import yaml_data
from schemas.errors import Invalid
from schemas.resource import ResourceDocument
from schemas.tables.departments import Department

CITED = re.compile(
    r"《[^《》]{2,80}》\s*第[〇零一二三四五六七八九十百千两\d]{1,9}条(?:之[一二三四五六七八九十]+)?(?:第[一二三四五六七八九十\d]+[款项])*"
)
CITE = "依据：《…》第…条"


@dataclass(frozen=True)
class Refusal:
    """What a provider says when it refuses: the key of a ground (None: read from the words), the words, and the department that should have it."""

    key: str | None
    words: str = ""
    department: str | None = None


@cache
def table() -> dict[str, dict[str, str]]:
    """Return the catalogued grounds: key → words in both languages."""
    read = yaml_data.parse(files("exchange_api.supply").joinpath("refusal_grounds.yml").read_text("utf-8"))
    return {key: entry["words"] for key, entry in read.items()}


def grounds(document: ResourceDocument) -> tuple[str, ...]:
    """Return in words the grounds on which items of a resource may be refused: its own sharing condition, a law that is cited, the table's."""
    own = (document.sharing.condition,) if document.sharing.condition else ()
    rest = (words["zh"] for key, words in table().items() if key not in ("condition", "law"))
    return (*own, CITE, *rest)


def ground(session: Session, document: ResourceDocument, said: Refusal, item: str) -> dict[str, Any]:
    """Return a refusal's ground as it is kept: {"kind", and the condition, law or department}. Raises Invalid `supply.reason_needed`, `.duty_department`."""
    words = said.words.strip()
    key = said.key or _read(document, words)
    if key == "condition" and document.sharing.condition:
        return {"kind": key, "condition": document.sharing.condition}
    if key == "law" and (cited := CITED.search(words)):
        return {"kind": key, "law": cited[0]}
    if key == "not_our_duty":
        return {"kind": key, "department": _other(session, document, said.department)}
    if key in ("no_longer_kept", "not_meant"):
        return {"kind": key}
    raise Invalid("supply.reason_needed", item=item, grounds="；".join(grounds(document)))


def in_words(kept: dict[str, Any] | None, language: str = "zh") -> str:
    """Return a kept ground in words."""
    if not kept:
        return ""
    more = kept.get("condition") or kept.get("law") or kept.get("department")
    words = table().get(kept["kind"], {}).get(language, kept["kind"])
    return f"{words}：{more}" if more else words


def _read(document: ResourceDocument, words: str) -> str | None:
    if words and words == document.sharing.condition:
        return "condition"
    return "law" if CITED.search(words) else None


def _other(session: Session, document: ResourceDocument, department_id: str | None) -> str:
    found = session.get(Department, department_id) if department_id else None
    if found is None or found.state != "active" or found.id == document.department:
        raise Invalid("supply.duty_department", department=department_id or "-")
    return found.id
