"""Why: certificates of the last five years are to be digitised (存量), and how far an issuer is can be counted: what it declares to have issued against
what the library holds. Called by `hutong certificate progress`.

A certificate counts once however many versions it has; one whose file is stored counts as digitised.
"""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.findings import Findings, finding_at, finding_of
from catalog.lists.csv_table import Row, Table, read_table
from libraries.certificates.types import require_code
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.identifiers import parse_uscc
from schemas.tables.certificates import CertificateStock

YEARS = 5
COLUMNS = {
    "type_code": ("证照类型代码", "类型代码", "certificate_type_code"),
    "issuer_code": ("证照颁发机构代码", "颁发机构代码", "certificate_issuing_authority_code"),
    "declared": ("存量", "近五年颁发数量", "颁发数量"),
    "declared_by": ("填报单位", "填报人"),
}
_PROGRESS = """
WITH held AS (
    SELECT coalesce(c.certificate_type_code, split_part(c.entry, '.', 6)) AS type_code,
        coalesce(c.issuer_code, split_part(c.entry, '.', 7)) AS issuer_code, count(DISTINCT left(c.entry, -6)) AS entries,
        count(DISTINCT left(c.entry, -6)) FILTER (WHERE f.digest IS NOT NULL) AS files
    FROM library.certificate c LEFT JOIN library.certificate_files f ON f.digest = c.file_digest
    WHERE c.issued_date > (now() AT TIME ZONE INTERVAL '08:00')::date - make_interval(years => :years)
    GROUP BY 1, 2)
SELECT type_code, issuer_code, t.name, s.declared, coalesce(h.entries, 0), coalesce(h.files, 0)
FROM held h FULL JOIN library.certificate_stock s USING (type_code, issuer_code) LEFT JOIN directory.certificate_types t ON t.code = type_code
WHERE CAST(:type_code AS text) IS NULL OR type_code = :type_code
ORDER BY type_code, issuer_code
"""


@dataclass(frozen=True)
class Progress:
    """One type of one issuer: declared (None: nobody did), in the library, with their file stored; shares of what is declared, None without."""

    type_code: str
    issuer_code: str
    type_name: str | None
    declared: int | None
    entries: int
    files: int

    @property
    def share(self) -> float | None:
        """Return which part of the declared stock is in the library, at most 1."""
        return min(1.0, self.entries / self.declared) if self.declared else None

    @property
    def file_share(self) -> float | None:
        """Return which part of the declared stock has its file stored, at most 1."""
        return min(1.0, self.files / self.declared) if self.declared else None


def read(session: Session, type_code: str | None = None) -> list[Progress]:
    """Return the progress of every type and issuer that declared stock or has certificates of the last five years."""
    rows = session.execute(text(_PROGRESS), {"years": YEARS, "type_code": type_code})
    return [Progress(*row) for row in rows]


def import_targets(path: Path) -> tuple[int, Findings]:
    """Take a CSV of declared stock in, one row a type and issuer, the last word counts; return how many rows and what was wrong.

    Raises Invalid `directory.bad_document`.
    """
    findings = Findings()
    table = read_table(path, COLUMNS, findings)
    if missing := [name for name in ("type_code", "issuer_code", "declared") if name not in table.columns]:
        raise Invalid("directory.bad_document", file=path.name, problem=f"no column {', '.join(missing)}")
    with transaction("ingest") as session:
        taken = sum(_declare(session, table, row, findings) for row in table.rows)
    return taken, findings


def _declare(session: Session, table: Table, row: Row, findings: Findings) -> bool:
    try:
        type_code, issuer = require_code(row.get("type_code")), row.get("issuer_code")
        parse_uscc(issuer)
    except Invalid as wrong:
        findings.add(finding_of(wrong, table.place(row)))
        return False
    if not row.get("declared").isdecimal():
        findings.add(finding_at(table.place(row, "declared"), "certificate.type_value", row.get("declared")))
        return False
    values = {"declared": int(row.get("declared")), "declared_by": row.get("declared_by")}
    new = insert(CertificateStock).values(type_code=type_code, issuer_code=issuer, **values)
    session.execute(
        new.on_conflict_do_update(
            index_elements=["type_code", "issuer_code"], set_=values | {"declared_at": text("now()")}
        )
    )
    return True
