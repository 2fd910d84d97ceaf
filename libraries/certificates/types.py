"""Why: a certificate's type is what its defining authority said it is (GB/T 36902), and the type part of every identifier names it. The directory of types
is a list that a bureau imports and keeps. Called by `hutong certificate types` and the certificate desk; `flags` holds entries against it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.findings import Findings, finding_at, finding_of
from catalog.lists.csv_table import Row, Table, read_table
from schemas.database import transaction
from schemas.errors import Invalid
from schemas.identifiers import parse_uscc
from schemas.tables.certificates import HOLDER_KINDS, CertificateType

COLUMNS = {
    "code": ("证照类型代码", "类型代码", "certificate_type_code"),
    "name": ("证照类型名称", "类型名称", "certificate_type_name"),
    "authority_name": ("证照定义机构", "定义机构", "certificate_define_authority_name"),
    "holder_kind": ("持证主体类型", "持证主体"),
    "validity": ("有效期限", "有效期范围", "certificate_validity_range"),
    "fields": ("模板字段", "扩展字段"),
}
_HOLDERS = {"自然人": "person", "法人": "organisation", "法人或其他组织": "organisation", "均可": "both", "": "both"}
_VALIDITY = re.compile(r"^(\d{1,3}[YMD]|L)?$")


@dataclass(frozen=True)
class Imported:
    """What an import of types did: how many are new, changed, as they were; and what was wrong, by row."""

    added: int
    changed: int
    unchanged: int
    findings: Findings


def get(session: Session, code: str) -> CertificateType | None:
    """Return a type by its code, None for an unknown one."""
    return session.get(CertificateType, code)


def find(session: Session, words: str = "") -> list[CertificateType]:
    """Return the types whose name or code holds these words, by code."""
    query = select(CertificateType).order_by(CertificateType.code)
    if words:
        query = query.where(CertificateType.name.contains(words) | CertificateType.code.contains(words))
    return list(session.scalars(query))


def require_code(code: str) -> str:
    """Return a type code: the USCC of the defining authority and three digits. Raises Invalid `identifier.certificate_part` and what `parse_uscc` raises."""
    if not re.fullmatch(r"[0-9A-Z]{18}[0-9]{3}", code):
        raise Invalid("identifier.certificate_part", part="type code / 证照类型代码", expected="USCC + 3 digits")
    parse_uscc(code[:18])
    return code


def import_file(path: Path) -> Imported:
    """Take a CSV of types in; a row that is wrong is told and left out, a type not in the file stays. Raises Invalid `directory.bad_document`."""
    findings = Findings()
    table = read_table(path, COLUMNS, findings)
    if missing := [name for name in ("code", "name") if name not in table.columns]:
        raise Invalid("directory.bad_document", file=path.name, problem=f"no column {', '.join(missing)}")
    with transaction() as session:
        ends = [_save(session, table, row, findings) for row in table.rows]
    return Imported(ends.count("added"), ends.count("changed"), ends.count("unchanged"), findings)


def _save(session: Session, table: Table, row: Row, findings: Findings) -> str:
    wanted = _wanted(table, row, findings)
    if wanted is None:
        findings.refused += 1
        return "refused"
    known = session.get(CertificateType, wanted.code)
    if known is None:
        session.add(wanted)
        session.flush()
        return "added"
    said = ("name", "authority_code", "authority_name", "holder_kind", "validity", "fields")
    changes = {name: getattr(wanted, name) for name in said if getattr(wanted, name) != getattr(known, name)}
    for name, value in changes.items():
        setattr(known, name, value)
    return "changed" if changes else "unchanged"


def _wanted(table: Table, row: Row, findings: Findings) -> CertificateType | None:
    try:
        code = require_code(row.get("code"))
    except Invalid as wrong:
        findings.add(finding_of(wrong, table.place(row, "code")))
        return None
    holder = _HOLDERS.get(row.get("holder_kind"), row.get("holder_kind"))
    allowed = {
        "holder_kind": holder in HOLDER_KINDS,
        "validity": bool(_VALIDITY.match(row.get("validity"))),
        "name": bool(row.get("name")),
    }
    if wrong_ones := [name for name, is_good in allowed.items() if not is_good]:
        for name in wrong_ones:
            findings.add(finding_at(table.place(row, name), "certificate.type_value", row.get(name)))
        return None
    fields: Sequence[str] = [one for one in re.split(r"[;；、,，]", row.get("fields")) if one]
    return CertificateType(
        code=code, name=row.get("name"), authority_code=code[:18], authority_name=row.get("authority_name"),
        holder_kind=holder, validity=row.get("validity"), fields=list(fields),
    )  # fmt: skip
