"""Why: the desk for application systems: which department one asks for, and with which public keys it signs. The hub never sees a private key.
Called by the command line, the portal and the demonstration city; the caller's transaction makes it durable, and delivery learns of it at once.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.evidence.ledger import Entry, new_receipt_id, record
from exchange_api.grant import foundations
from exchange_api.signing import Jwk, PublicKey, public_key_from_jwk, public_key_from_pem
from schemas.errors import Invalid
from schemas.tables.departments import Department
from schemas.tables.exchange import Application, ApplicationKey, Grant


def register(session: Session, application_id: str, name: str, department_id: str) -> Application:
    """Register an application system of a department; doing it again changes nothing.

    Raises Invalid application.department_unknown, application.exists (the id belongs to another department or carries another name).
    """
    if session.get(Department, department_id) is None:
        raise Invalid("application.department_unknown", department=department_id)
    found = session.get(Application, application_id)
    if found is None:
        found = Application(id=application_id, name=name, department_id=department_id)
        session.add(found)
        session.flush()
    elif (found.name, found.department_id) != (name, department_id):
        raise Invalid("application.exists", application=application_id)
    return found


def register_key(
    session: Session, application_id: str, public_key: Jwk | str | bytes, expires_at: datetime | None = None
) -> ApplicationKey:
    """Register a public key (JWK or PEM; Ed25519 or P-256) of an application, bound to it and to its one algorithm; its id is its RFC 7638 thumbprint.

    expires_at: when it stops signing by itself. Doing it again changes nothing.
    Raises Invalid application.unknown, application.key_taken, key.malformed, key.unsupported, key.private.
    """
    get(session, application_id)
    key = public_key_from_jwk(public_key) if isinstance(public_key, dict) else public_key_from_pem(public_key)
    found = session.get(ApplicationKey, key.keyid)
    if found is None:
        return _add_key(session, application_id, key, expires_at)
    if found.application_id != application_id or found.state != "active":
        raise Invalid("application.key_taken", keyid=key.keyid, state=found.state)
    return found


def end_key(session: Session, application_id: str, keyid: str, *, compromised: bool = False) -> ApplicationKey:
    """Take a key out of use at once (retired, or revoked when compromised); what it signed stays provable. With an application's last key its grants are
    suspended until it registers another. That a retired key's private part leaked may be said later. Raises Invalid application.key_unknown.
    """
    found = session.get(ApplicationKey, keyid, with_for_update=True)
    endable = ("active", "retired") if compromised else ("active",)
    if found is None or found.application_id != application_id or found.state not in endable:
        raise Invalid("application.key_unknown", application=application_id, keyid=keyid)
    found.state, found.ended_at = "revoked" if compromised else "retired", datetime.now(UTC)
    session.flush()
    _note(session, found)
    foundations.hold(session, Grant.application_id == application_id)
    return found


def get(session: Session, application_id: str) -> Application:
    """Return one application; raises Invalid application.unknown."""
    found = session.get(Application, application_id)
    if found is None:
        raise Invalid("application.unknown", application=application_id)
    return found


def find(session: Session, department_id: str | None = None) -> Sequence[Application]:
    """Return applications, of one department or of all, by id."""
    wanted = select(Application).order_by(Application.id)
    return session.scalars(wanted.where(Application.department_id == department_id) if department_id else wanted).all()


def keys_of(session: Session, application_id: str) -> Sequence[ApplicationKey]:
    """Return every key an application ever had, oldest first."""
    wanted = select(ApplicationKey).where(ApplicationKey.application_id == application_id)
    return session.scalars(wanted.order_by(ApplicationKey.created_at, ApplicationKey.keyid)).all()


def _add_key(session: Session, application_id: str, key: PublicKey, expires_at: datetime | None) -> ApplicationKey:
    row = ApplicationKey(
        keyid=key.keyid, application_id=application_id, algorithm=key.algorithm, public_jwk=key.jwk, state="active", expires_at=expires_at
    )  # fmt: skip
    session.add(row)
    session.flush()
    _note(session, row)
    foundations.hold(session, Grant.application_id == application_id)
    return row


def _note(session: Session, key: ApplicationKey) -> None:
    """Enter each step of a caller's key in the log, so that nobody can say later that it was another's."""
    facts = {"caller_keyid": key.keyid, "state": key.state, "jwk": key.public_jwk}
    entry = Entry(id=new_receipt_id(), at=datetime.now(UTC), kind="key", application_id=key.application_id, facts=facts)
    record(session, [entry])
