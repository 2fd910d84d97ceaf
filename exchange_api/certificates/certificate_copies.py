"""Why: every annotated copy is logged before it leaves: which certificate, for whom, for what, until when, and the digest of what was handed out.
Called by `certificate_desk`, which knows who asks and may ask; here are the rows, and the bytes.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from exchange_api.evidence.ledger import new_receipt_id
from libraries.certificates.settings import CertificateSettings
from schemas.calendar import CHINA
from schemas.errors import Denied
from schemas.tables.certificates import CertificateCopy
from schemas.tables.departments import Department
from schemas.tables.exchange import Application


@dataclass(frozen=True, slots=True)
class Wish:
    """What a copy is asked for: the certificate and its file, by which application under which grant, for which purpose, by which request."""

    entry: str
    file_digest: str
    grant_id: str
    application_id: str
    service_item_id: str
    case_number: str | None
    cause: str
    request_id: str


def promise(session: Session, secret: bytes, wish: Wish) -> tuple[str, CertificateCopy]:
    """Return a one-time address for a copy and its row; the same request again gets the same address, which is stored as a digest only."""
    address = _address(secret, wish)
    settings, now = CertificateSettings(), datetime.now(UTC)
    valid_until = now.astimezone(CHINA).date() + timedelta(days=settings.certificate_copy_days)
    values = {name: getattr(wish, name) for name in Wish.__slots__ if name != "request_id"}
    new = insert(CertificateCopy).values(
        id=new_receipt_id(), address_digest=_digest(address), valid_until=valid_until, promised_at=now,
        expires_at=now + timedelta(minutes=settings.certificate_address_minutes), **values,
    )  # fmt: skip
    session.execute(new.on_conflict_do_nothing(index_elements=["address_digest"]))
    return address, find(session, address, wish.application_id)


def find(session: Session, address: str, application_id: str) -> CertificateCopy:
    """Return the row behind an application's address; another's is as unknown as none. Raises Denied `certificate.address_unknown`."""
    query = select(CertificateCopy).where(
        CertificateCopy.address_digest == _digest(address), CertificateCopy.application_id == application_id
    )
    found = session.scalars(query).one_or_none()
    if found is None:
        raise Denied("certificate.address_unknown")
    return found


def take(session: Session, copy_id: str, request_id: str) -> CertificateCopy:
    """Use the address up for this request; the same request may come again until the address expires, so that a lost answer is not a lost copy.

    Raises Denied `certificate.address_expired`, `certificate.address_used`.
    """
    row = session.get_one(CertificateCopy, copy_id, with_for_update=True)
    if row.request_id not in (None, request_id):
        raise Denied("certificate.address_used")
    if row.expires_at < datetime.now(UTC):
        raise Denied("certificate.address_expired", expired_at=row.expires_at.isoformat(timespec="seconds"))
    row.request_id = request_id
    return row


def make(session: Session, row: CertificateCopy) -> bytes:
    """Return the annotated copy and log when it was made and its digest. Raises what `files.read` and `copies.annotate` raise."""
    from libraries.certificates import files  # 20 MB of PDF, that a worker without certificates never needs
    from libraries.certificates.copies import Annotation, annotate

    made_at = datetime.now(UTC)
    application = session.get_one(Application, row.application_id)
    recipient = session.get_one(Department, application.department_id).name
    annotation = Annotation(
        row.id, row.cause, recipient, application.id, row.service_item_id, row.case_number, made_at, row.valid_until
    )
    content = annotate(files.read(row.file_digest), annotation)
    made = {"made_at": made_at, "copy_digest": hashlib.sha256(content).hexdigest()}
    session.execute(update(CertificateCopy).where(CertificateCopy.id == row.id).values(**made))
    return content


def _address(secret: bytes, wish: Wish) -> str:
    """Return 43 characters nobody can guess; of letters of both cases, so that no long run of digits looks like a citizen id in a path."""
    named = "\x00".join(("certificate-address", wish.application_id, wish.request_id, wish.grant_id, wish.entry))
    return base64.urlsafe_b64encode(hmac.digest(secret, named.encode(), "sha256")).decode().rstrip("=")


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()
