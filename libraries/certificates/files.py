"""Why: a certificate without its file proves nothing. Files lie in the landing's storage by the digest of their bytes, whole and once, each with what its
seals said when it came; what is wrong goes to the issuer as a report and never keeps the file out. Called by `hutong certificate file` and the desk.

    <landing>/certificates/<first two of the digest>/<digest>
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import pyarrow.fs as fs
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from libraries import batches
from libraries.certificates import reports, seals
from libraries.certificates.settings import CertificateSettings
from libraries.storage import appearing, naming_failures, open_root
from schemas.database import transaction
from schemas.errors import Invalid, Terminal
from schemas.library import library
from schemas.tables.certificates import CertificateFile
from schemas.tables.directory import Resource
from schemas.tables.library import golden_table

FOLDER = "certificates"
_KINDS = {b"%PDF-": "application/pdf", b"PK\x03\x04": "application/ofd"}


@dataclass(frozen=True)
class Stored:
    """A stored file: its digest, what its seals came to, which entries name it, and what was reported to their issuers."""

    digest: str
    size: int
    media_type: str
    seal: str
    entries: tuple[str, ...]
    reported: tuple[str, ...]
    is_new: bool


@naming_failures
def add(content: bytes, entry: str | None = None, by: str = "") -> Stored:
    """Store a file and check its seals; the same file again is checked again and stored once.

    entry: the certificate it is said to be of; its record must name this digest, else the issuer is told. by: who brought it.
    Raises Invalid `certificate.file_size`, `certificate.file_kind`, `certificate.unknown`; Terminal `certificate.trust_unreadable`, `landing.…`.
    """
    settings = CertificateSettings()
    if not 0 < len(content) <= settings.certificate_file_mb << 20:
        raise Invalid("certificate.file_size", size=len(content), limit=settings.certificate_file_mb)
    media_type = next((kind for mark, kind in _KINDS.items() if content.startswith(mark)), None)
    if media_type is None:
        raise Invalid("certificate.file_kind", known="PDF, OFD")
    roots = seals.read_roots(settings.certificate_trust)
    report = seals.check(content, roots) if media_type == "application/pdf" else seals.Report(seals.UNVERIFIABLE)
    digest = hashlib.sha256(content).hexdigest()
    if entry is not None:
        with transaction("reader") as session:
            require_entry(session, entry)
    is_new = _keep(digest, content)
    with transaction("ingest") as session:
        _register(session, digest, (len(content), media_type), report)
        rows = _naming(session, digest)
        told = _report(session, digest, entry, (rows, report, by))
    return Stored(digest, len(content), media_type, report.seal, tuple(row["entry"] for row in rows), told, is_new)


@naming_failures
def read(digest: str) -> bytes:
    """Return a stored file's bytes. Raises Invalid `certificate.no_file`; Terminal `certificate.file_damaged` when they are not what was stored."""
    root, path = open_root(), path_of(digest)
    if root.get_file_info(path).type != fs.FileType.File:
        raise Invalid("certificate.no_file", digest=digest)
    with root.open_input_stream(path) as stream:
        content = bytes(stream.read())
    if hashlib.sha256(content).hexdigest() != digest:
        raise Terminal("certificate.file_damaged", digest=digest)
    return content


def path_of(digest: str) -> str:
    """Return where a file lies below the landing's root."""
    return f"{FOLDER}/{digest[:2]}/{digest}"


def get(session: Session, digest: str) -> CertificateFile | None:
    """Return what is known of a stored file, None when there is none."""
    return session.get(CertificateFile, digest)


def require_entry(session: Session, entry: str) -> dict[str, Any]:
    """Return the golden record of a certificate by its identifier. Raises Invalid `certificate.unknown`."""
    table = golden_table("certificate")
    row = session.execute(select(table).where(table.c.entry == entry)).mappings().first()
    if row is None:
        raise Invalid("certificate.unknown")
    return dict(row)


def _keep(digest: str, content: bytes) -> bool:
    root, path = open_root(), path_of(digest)
    if root.get_file_info(path).type == fs.FileType.File:
        return False
    root.create_dir(path.rpartition("/")[0], recursive=True)
    with appearing(root, path) as whole, root.open_output_stream(whole) as stream:
        stream.write(content)
    return True


def _register(session: Session, digest: str, what: tuple[int, str], report: seals.Report) -> None:
    checked = {"seal": report.seal, "report": report.as_facts(), "checked_at": batches.now()}
    new = insert(CertificateFile).values(digest=digest, size=what[0], media_type=what[1], **checked)
    session.execute(new.on_conflict_do_update(index_elements=["digest"], set_=checked))


def _naming(session: Session, digest: str) -> list[dict[str, Any]]:
    table = golden_table("certificate")
    rows = session.execute(select(table).where(table.c.file_digest == digest).order_by(table.c.entry)).mappings()
    return [dict(row) for row in rows]


def _report(
    session: Session, digest: str, entry: str | None, found: tuple[list[dict[str, Any]], seals.Report, str]
) -> tuple[str, ...]:
    """Tell the issuers what is wrong: a file that is not the one its record names, a broken seal."""
    rows, report, by = found
    told: list[str] = []
    if entry is not None and entry not in {row["entry"] for row in rows}:
        told += _tell(session, "wrong_file", require_entry(session, entry), (digest, by))
    if report.seal == seals.BROKEN:
        told += [kind for row in rows for kind in _tell(session, "broken_signature", row, (digest, by))]
    return tuple(told)


def _tell(session: Session, kind: str, row: dict[str, Any], about: tuple[str, str]) -> list[str]:
    digest, by = about
    department = issuer_of(session, row)
    if department is None:
        return []
    reports.open_report(
        session, kind=kind, about=row["entry"], department_id=department, certificate_type=row["certificate_type"] or "—",
        certificate_number=row["certificate_number"], entry=row["entry"], reported_by=by,
        # what is wrong is the record's word where the file is another, and the file itself where its seal is broken
        file_digest=row["file_digest"] if kind == "wrong_file" else digest,
    )  # fmt: skip
    return [kind]


def issuer_of(session: Session, row: dict[str, Any]) -> str | None:
    """Return the department that answers for a certificate: the one whose word on its file, or else on its number, the library took.

    None where a steward ruled all of it and nobody else said anything.
    """
    ids = library("certificate").attribute_ids
    places = [ids.index(name) for name in ("file_digest", "certificate_number", "certificate_identifier")]
    number = next((row["sources"][place] for place in places if row["sources"][place]), None)
    return session.scalar(select(Resource.department_id).where(Resource.number == number))
