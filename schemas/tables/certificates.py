"""Why: what there is around the certificates of the library: types, files with their seal reports, annotated copies, what issuers owe, declared stock.
Written by `libraries.certificates` and the certificate desk of the exchange.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.tables.base import Base

HOLDER_KINDS = ("person", "organisation", "both")
REPORT_KINDS = ("missing", "wrong_file", "broken_signature")
REPORT_STATES = ("open", "added", "refused", "withdrawn")


class CertificateType(Base):
    """证照类型目录: one type as its authority defined it (GB/T 36902); `code` is the type part of the identifiers (GB/T 36904)."""

    __tablename__ = "certificate_types"
    __table_args__ = (CheckConstraint(f"holder_kind in {HOLDER_KINDS}", name="holder_kind"), {"schema": "directory"})

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    authority_code: Mapped[str]
    authority_name: Mapped[str] = mapped_column(server_default="")
    holder_kind: Mapped[str] = mapped_column(server_default="both")
    validity: Mapped[str] = mapped_column(server_default="")  # 10Y, 6M, 30D, L: for good
    fields: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))  # of its template, beyond GB/T 36903
    saved_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CertificateFile(Base):
    """证照文件: one stored file by the SHA-256 of its bytes, and what its signatures said when it came."""

    __tablename__ = "certificate_files"
    __table_args__ = ({"schema": "library"},)

    digest: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int]
    media_type: Mapped[str]
    seal: Mapped[str]  # unsigned, broken, intact (not trusted), trusted, unreadable
    report: Mapped[list[dict[str, Any]]] = mapped_column(server_default=text("'[]'"))
    stored_at: Mapped[datetime] = mapped_column(server_default=func.now())
    checked_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CertificateReport(Base):
    """What an issuer is asked to put right: a certificate that should be there, a file that is not the one its record names, a broken signature."""

    __tablename__ = "certificate_reports"
    __table_args__ = (
        CheckConstraint(f"kind in {REPORT_KINDS}", name="kind"),
        CheckConstraint(f"state in {REPORT_STATES}", name="state"),
        Index("uq_certificate_reports_open", "kind", "about", unique=True, postgresql_where=text("state = 'open'")),
        {"schema": "library"},
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str]
    about: Mapped[str]  # what makes it one: digest of holder, type and number; or the certificate's identifier
    department_id: Mapped[str]
    certificate_type: Mapped[str]
    certificate_number: Mapped[str | None]
    holder_code: Mapped[str | None]
    entry: Mapped[str | None]
    file_digest: Mapped[str | None]
    reported_by: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="")
    state: Mapped[str] = mapped_column(server_default="open")
    reported_at: Mapped[datetime] = mapped_column(server_default=func.now())
    due_date: Mapped[date | None]
    closed_at: Mapped[datetime | None]
    answer: Mapped[str | None]


class CertificateStock(Base):
    """存量: how many certificates of a type an issuer declares to have issued in the last five years, digitised or not."""

    __tablename__ = "certificate_stock"
    __table_args__ = ({"schema": "library"},)

    type_code: Mapped[str] = mapped_column(primary_key=True)
    issuer_code: Mapped[str] = mapped_column(primary_key=True)
    declared: Mapped[int]
    declared_by: Mapped[str] = mapped_column(server_default="")
    declared_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CertificateCopy(Base):
    """加注件: one annotated copy, promised under a one-time address to one application for one purpose; the address itself is stored as a digest only."""

    __tablename__ = "certificate_copies"
    __table_args__ = ({"schema": "exchange"},)

    id: Mapped[str] = mapped_column(primary_key=True)  # UUID version 7
    address_digest: Mapped[str] = mapped_column(unique=True)
    entry: Mapped[str]
    file_digest: Mapped[str]
    grant_id: Mapped[str]
    application_id: Mapped[str]
    service_item_id: Mapped[str]
    case_number: Mapped[str | None]
    cause: Mapped[str]
    promised_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    valid_until: Mapped[date]
    request_id: Mapped[str | None]  # the question that fetched it: only its repetition gets it again
    made_at: Mapped[datetime | None]
    copy_digest: Mapped[str | None]
