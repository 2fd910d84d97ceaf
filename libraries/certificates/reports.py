"""Why: a certificate that is missing or wrong is the issuer's to mend, by a date. A report stands until the library shows that it was mended or somebody
closes it with a reason. Called by `hutong certificate missing`, the certificate desk, and `files` for what arrives wrong.

A wrong value of a certificate that is there is an objection (校核); this is for what should be there, and for files.
"""

import hashlib
import logging
import re
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog import deadlines, notices
from libraries import batches
from schemas.calendar import today
from schemas.errors import Invalid, Terminal
from schemas.identifiers import parse_holder_code
from schemas.tables.certificates import REPORT_STATES, CertificateReport
from schemas.tables.departments import Department

RULE = "correction_verify"  # 政务数据共享条例 art. 26: the period in which a department verifies and corrects
NOTICES = {
    "missing": "certificate.missing",
    "wrong_file": "certificate.wrong_file",
    "broken_signature": "certificate.broken_signature",
}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Missing:
    """A certificate that its holder says there should be: whose, of what type (name or code), under which number if known; who issued it."""

    holder_code: str
    certificate_type: str
    department: str
    number: str | None = None
    note: str = ""


def report_missing(session: Session, missing: Missing, reported_by: str) -> CertificateReport:
    """Ask the issuer for a certificate that the library lacks; reported again it is the same report.

    Raises Invalid `certificate.not_missing`, `directory.unknown_department` and what `parse_holder_code` raises.
    """
    parse_holder_code(missing.holder_code)
    if session.get(Department, missing.department) is None:
        raise Invalid("directory.unknown_department", department=missing.department)
    if _is_there(session, missing):
        raise Invalid("certificate.not_missing", type=missing.certificate_type)
    wanted = (missing.holder_code, missing.certificate_type, missing.number or "")
    about = hashlib.sha256("\x00".join(wanted).encode()).hexdigest()
    return open_report(
        session, kind="missing", about=about, department_id=missing.department, certificate_type=missing.certificate_type,
        certificate_number=missing.number, holder_code=missing.holder_code, reported_by=reported_by, note=missing.note,
    )  # fmt: skip


def open_report(session: Session, *, kind: str, about: str, **values: str | None) -> CertificateReport:
    """Open a report and tell the issuer with its date, or return the open one about the same."""
    due = _due(session)
    new = insert(CertificateReport).values(kind=kind, about=about, due_date=due, **values)
    row = session.execute(new.on_conflict_do_nothing().returning(CertificateReport.id)).scalar()
    query = select(CertificateReport).where(
        CertificateReport.kind == kind, CertificateReport.about == about, CertificateReport.state == "open"
    )
    found = session.scalars(query).one()
    if row is not None:
        facts = {"type": found.certificate_type, "report": found.id, "due": due.isoformat() if due else "—"}
        notices.notify(session, found.department_id, NOTICES[kind], facts)
    return found


def settle(session: Session) -> int:
    """Close the reports that the library has answered: a missing certificate that came, a file that is now the one its record names."""
    came = session.execute(text(_CAME), {"now": batches.now()}).rowcount  # type: ignore[attr-defined]
    return int(came) + int(session.execute(text(_RIGHT), {"now": batches.now()}).rowcount)  # type: ignore[attr-defined]


def find(session: Session, *, kind: str | None = None, closed: bool = False) -> list[CertificateReport]:
    """Return reports, soonest due first; `closed` adds those that are done."""
    query = select(CertificateReport).order_by(CertificateReport.due_date.nulls_last(), CertificateReport.id)
    if kind:
        query = query.where(CertificateReport.kind == kind)
    return list(session.scalars(query if closed else query.where(CertificateReport.state == "open")))


def close(session: Session, report_id: int, state: str, answer: str) -> CertificateReport:
    """Close a report as `added`, `refused` (the issuer says why there is none) or `withdrawn`; closing it again as the same changes nothing.

    Raises Invalid `certificate.unknown_report`, `certificate.report_end`, Terminal `certificate.report_closed`.
    """
    found = session.get(CertificateReport, report_id, with_for_update=True)
    if found is None:
        raise Invalid("certificate.unknown_report", report=report_id)
    if state not in REPORT_STATES[1:] or not answer.strip():
        raise Invalid("certificate.report_end", known=", ".join(REPORT_STATES[1:]))
    if found.state not in ("open", state):
        raise Terminal("certificate.report_closed", report=report_id, state=found.state)
    if found.state == "open":
        found.state, found.answer, found.closed_at = state, answer, batches.now()
    return found


def _is_there(session: Session, missing: Missing) -> bool:
    given = {"holder": missing.holder_code, "type": missing.certificate_type, "number": missing.number}
    return bool(session.execute(text(f"SELECT {_HELD}"), given).scalar())


_REPORTED = {"holder": "r.holder_code", "type": "r.certificate_type", "number": "r.certificate_number"}
_HELD = """EXISTS (SELECT FROM library.certificate c
    WHERE (c.subject = :holder OR (c.holder_codes IS NOT NULL AND string_to_array(c.holder_codes, ';') @> ARRAY[:holder]))
    AND :type IN (c.certificate_type, c.certificate_type_code, split_part(c.entry, '.', 6))
    AND (CAST(:number AS text) IS NULL OR c.certificate_number = :number))"""
_CAME = """
UPDATE library.certificate_reports r SET state = 'added', closed_at = :now, answer = '—' WHERE r.kind = 'missing' AND r.state = 'open' AND
""" + re.sub(r":(holder|type|number)\b", lambda found: _REPORTED[found[1]], _HELD)
_RIGHT = """
UPDATE library.certificate_reports r SET state = 'added', closed_at = :now, answer = '—'
FROM library.certificate c, library.certificate_files f
WHERE r.kind <> 'missing' AND r.state = 'open' AND c.entry = r.entry AND f.digest = c.file_digest AND f.seal <> 'broken'
    AND (r.kind = 'wrong_file' OR c.file_digest <> r.file_digest)
"""


def overdue(session: Session) -> int:
    """Return how many open reports are past their date."""
    query = select(func.count()).where(CertificateReport.state == "open", CertificateReport.due_date < today())
    return int(session.scalar(query.select_from(CertificateReport)) or 0)


def _due(session: Session) -> date | None:
    try:
        return deadlines.due_date(session, RULE, today()).date
    except Terminal as error:
        log.warning("certificate reports have no due date: %s", error.code)
        return None
