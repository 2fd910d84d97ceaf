"""Application systems and their keys: registered once, ended at once, never mixed up."""

import json

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api import applications
from exchange_api.signing import SoftwareSigner
from schemas.errors import Invalid
from schemas.tables.departments import Department
from schemas.tables.evidence import Entry


@pytest.fixture
def desk(session: Session) -> Session:
    """A department with a registered application."""
    session.add_all([Department(id=one, name=one, short_name=one) for one in ("desk_housing", "desk_education")])
    session.flush()
    applications.register(session, "desk.application", "公租房受理系统", "desk_housing")
    return session


def test_registering_again_changes_nothing(desk: Session) -> None:
    again = applications.register(desk, "desk.application", "公租房受理系统", "desk_housing")
    assert [one.id for one in applications.find(desk, "desk_housing")] == [again.id]


def test_a_key_is_bound_to_its_application_and_algorithm_and_entered_in_the_log(desk: Session) -> None:
    key = SoftwareSigner.generate("ecdsa-p256-sha256").public
    row = applications.register_key(desk, "desk.application", key.pem())
    assert (row.keyid, row.algorithm, row.state) == (key.keyid, "ecdsa-p256-sha256", "active")
    assert applications.register_key(desk, "desk.application", key.jwk) is row
    entry = desk.scalars(select(Entry).where(Entry.application_id == "desk.application")).one()
    assert entry.kind == "key"


def test_an_ended_key_never_comes_back(desk: Session) -> None:
    key = SoftwareSigner.generate().public
    applications.register_key(desk, "desk.application", key.jwk)
    assert applications.end_key(desk, "desk.application", key.keyid, compromised=True).state == "revoked"
    _refused("application.key_taken", lambda: applications.register_key(desk, "desk.application", key.jwk))
    _refused("application.key_unknown", lambda: applications.end_key(desk, "desk.application", key.keyid))


def test_a_retired_keys_leak_is_said_later_and_entered_in_the_log(desk: Session) -> None:
    key = SoftwareSigner.generate().public
    applications.register_key(desk, "desk.application", key.jwk)
    assert applications.end_key(desk, "desk.application", key.keyid).state == "retired"
    _refused("application.key_unknown", lambda: applications.end_key(desk, "desk.application", key.keyid))
    assert applications.end_key(desk, "desk.application", key.keyid, compromised=True).state == "revoked"
    _refused(
        "application.key_unknown", lambda: applications.end_key(desk, "desk.application", key.keyid, compromised=True)
    )
    steps = desk.scalars(select(Entry).where(Entry.application_id == "desk.application").order_by(Entry.id)).all()
    assert [json.loads(one.document)["facts"]["state"] for one in steps] == ["active", "retired", "revoked"]


def test_a_key_of_another_application_is_refused(desk: Session) -> None:
    key = SoftwareSigner.generate().public
    applications.register_key(desk, "desk.application", key.jwk)
    applications.register(desk, "desk.other", "其他系统", "desk_education")
    _refused("application.key_taken", lambda: applications.register_key(desk, "desk.other", key.jwk))


def test_what_cannot_be_registered_is_refused_by_name(desk: Session) -> None:
    private = SoftwareSigner.generate().pem()
    _refused("key.private", lambda: applications.register_key(desk, "desk.application", private))
    _refused("key.malformed", lambda: applications.register_key(desk, "desk.application", "nonsense"))
    _refused("application.unknown", lambda: applications.register_key(desk, "desk.nobody", {}))
    _refused("application.department_unknown", lambda: applications.register(desk, "desk.new", "新", "nowhere"))
    _refused("application.exists", lambda: applications.register(desk, "desk.application", "别名", "desk_housing"))


def _refused(code: str, act: object) -> None:
    with pytest.raises(Invalid) as refused:
        act()  # type: ignore[operator]
    assert refused.value.code == code
