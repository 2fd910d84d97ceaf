"""Why: a demand's basis is often a document: it comes with the demand, is kept as it came and handed out as a file to save, never run, rendered or opened here.
What a file is, its first bytes say, not its name. Called by pages, the officers' API and `hutong demand`.
"""

import hashlib
import re
import unicodedata
import zipfile
from io import BytesIO
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from exchange_api import cases
from exchange_api.actors import Actor, Step
from exchange_api.demand import demands
from schemas.errors import Denied, Invalid
from schemas.tables.case_papers import Attachment
from schemas.tables.exchange import Demand

LARGEST, TOGETHER, MOST = 10 * 2**20, 50 * 2**20, 20
HANDED_OUT_AS = "application/octet-stream"  # whoever hands a file out says so, with a disposition to save it: browsers then open nothing
_LONGEST_NAME = 120
_OPEN = ("draft", "returned", "needs_information")
_MOST_ENTRIES = 5_000
_UNSAFE = re.compile(r'[<>:"|?*\x00-\x1f\x7f]')


class Kind(NamedTuple):
    """One kind of file that is taken: its media type, how its name ends."""

    media_type: str
    suffixes: tuple[str, ...]


PDF = Kind("application/pdf", (".pdf",))
PNG = Kind("image/png", (".png",))
JPEG = Kind("image/jpeg", (".jpg", ".jpeg"))
OFD = Kind("application/ofd", (".ofd",))
DOCX = Kind("application/vnd.openxmlformats-officedocument.wordprocessingml.document", (".docx",))
XLSX = Kind("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", (".xlsx",))
KINDS = (PDF, OFD, DOCX, XLSX, PNG, JPEG)
_MAGIC = ((b"%PDF-", PDF), (b"\x89PNG\r\n\x1a\n", PNG), (b"\xff\xd8\xff", JPEG))
_PACKED = (("OFD.xml", OFD), ("word/document.xml", DOCX), ("xl/workbook.xml", XLSX))


def attach(session: Session, actor: Actor, demand_id: str, name: str, content: bytes) -> Attachment:
    """Keep a file with a demand of the actor's department; the same file twice is one.

    Raises Invalid `attachment.kind`, `.too_large`, `.too_many`, `case.wrong_state`; Denied `case.not_yours`, `case.role_needed`.
    """
    demand = demands.get_own(session, actor, demand_id)
    if demand.state not in _OPEN:
        raise cases.wrong_state(demand, "attach")
    digest = hashlib.sha256(content).hexdigest()
    kept = of(session, demand_id)
    if same := [one for one in kept if one.sha256 == digest]:
        return same[0]
    if len(kept) >= MOST:
        raise Invalid("attachment.too_many", limit=MOST)
    if not content or len(content) > LARGEST or sum(one.size for one in kept) + len(content) > TOGETHER:
        raise Invalid("attachment.too_large", limit=LARGEST, together=TOGETHER)
    kind = kind_of(content)
    added = Attachment(
        demand_id=demand_id, name=clean_name(name, kind), media_type=kind.media_type, size=len(content), sha256=digest, content=content, added_by=actor.id,
    )  # fmt: skip
    session.add(added)
    cases.note_event(session, actor, demand, Step("attach", facts={"name": added.name, "sha256": digest}))
    return added


def remove(session: Session, actor: Actor, demand_id: str, attachment_id: int) -> None:
    """Remove a file while the demand is still the demander's to write. Raises as `attach`, and Invalid `attachment.unknown`."""
    demand = demands.get_own(session, actor, demand_id)
    demands.require_open(demand, "detach")
    found = _one(session, demand_id, attachment_id)
    session.delete(found)
    cases.note_event(session, actor, demand, Step("detach", facts={"name": found.name, "sha256": found.sha256}))


def of(session: Session, demand_id: str) -> list[Attachment]:
    """Return a demand's files, in the order in which they came, without their content."""
    query = select(Attachment).where(Attachment.demand_id == demand_id).order_by(Attachment.id)
    return list(session.scalars(query))


def read(session: Session, actor: Actor, demand_id: str, attachment_id: int) -> Attachment:
    """Return a file with its content, for those the demand concerns; hand it out as HANDED_OUT_AS. Raises Denied `case.not_yours`, Invalid as `remove`."""
    demand = cases.get(session, demand_id)
    _require_concerned(session, actor, demand)
    return _one(session, demand_id, attachment_id)


def kind_of(content: bytes) -> Kind:
    """Return what a file is by its first bytes; packed documents by what they hold. Raises Invalid `attachment.kind`."""
    for magic, kind in _MAGIC:
        if content.startswith(magic):
            return kind
    if content.startswith(b"PK\x03\x04") and (packed := _packed(content)):
        return packed
    raise Invalid("attachment.kind", known=", ".join(suffix for kind in KINDS for suffix in kind.suffixes))


def clean_name(name: str, kind: Kind) -> str:
    """Return a file's name without folders, control characters and what systems read as commands, ending as its kind does."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    plain = "".join(sign for sign in last if unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    stem = _UNSAFE.sub("", plain).strip(" .")
    for suffix in kind.suffixes:
        if stem.lower().endswith(suffix) and len(stem) > len(suffix):
            return f"{stem[: -len(suffix)][:_LONGEST_NAME]}{suffix}"
    return f"{stem[:_LONGEST_NAME] or '附件'}{kind.suffixes[0]}"


def _packed(content: bytes) -> Kind | None:
    """Look at the names in a packed document; nothing is unpacked. Macros make it another kind, which is refused."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as packed:
            names = set(packed.namelist()[:_MOST_ENTRIES])
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return None
    if any(name.lower().endswith(("vbaproject.bin", ".exe", ".dll", ".js", ".bat")) for name in names):
        return None
    return next((kind for name, kind in _PACKED if name in names), None)


def _one(session: Session, demand_id: str, attachment_id: int) -> Attachment:
    query = select(Attachment).where(Attachment.id == attachment_id, Attachment.demand_id == demand_id)
    found = session.scalar(query.options(undefer(Attachment.content)))
    if found is None:
        raise Invalid("attachment.unknown", case=demand_id, attachment=attachment_id)
    return found


def _require_concerned(session: Session, actor: Actor, demand: Demand) -> None:
    if actor.department_id in cases.concerned(session, demand):
        return
    if demand.state == "draft" or not actor.roles & {"authority", "auditor"}:
        raise Denied("case.not_yours", case=demand.id)
