"""Keys are read in one spelling, named by their thumbprint, and the hub's own live from next to revoked."""

import json
import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from exchange_api.evidence.keyring import announce_key, ensure_active_key, revoke_key, roll_key
from exchange_api.keys import active_signer, create_key, jwks, move_key, public_key_from_jwk, public_key_from_pem
from exchange_api.signing import Algorithm, SoftwareSigner, thumbprint
from schemas.errors import Denied, Invalid, Transient
from schemas.tables.evidence import Entry, SigningKey


@pytest.fixture(autouse=True)
def _no_keys_yet(session: Session) -> None:
    session.query(SigningKey).delete()


def test_thumbprint_is_the_published_one() -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}  # RFC 8037 appendix A.3
    assert thumbprint(jwk) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert public_key_from_jwk({**jwk, "kid": "ignored", "use": "sig"}).keyid == thumbprint(jwk)


@pytest.mark.parametrize("algorithm", ["ed25519", "ecdsa-p256-sha256"])
def test_a_key_survives_jwk_and_pem(algorithm: Algorithm) -> None:
    signer = SoftwareSigner.generate(algorithm)
    signature = signer.sign(b"x")
    for key in (public_key_from_jwk(signer.public.jwk), public_key_from_pem(signer.public.pem())):
        assert (key.keyid, key.algorithm) == (signer.keyid, algorithm)
        assert key.verify(signature, b"x")
        assert not key.verify(signature, b"y")
        assert not key.verify(signature[:-1], b"x")
        assert not key.verify(bytes(64), b"x")
    assert SoftwareSigner.from_pem(signer.pem()).keyid == signer.keyid


@pytest.mark.parametrize(
    ("code", "jwk"),
    [
        ("key.malformed", "not a key"),
        ("key.malformed", {"kty": "OKP", "crv": "Ed25519"}),
        ("key.malformed", {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}),
        ("key.malformed", {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp"}),
        ("key.malformed", {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}),
        ("key.unsupported", {"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
        ("key.unsupported", {"kty": "EC", "crv": "SM2", "x": "A" * 43, "y": "A" * 43}),
        ("key.private", {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43, "d": "A" * 43}),
    ],
)
def test_bad_keys_are_refused_with_the_reason(code: str, jwk: object) -> None:
    with pytest.raises(Invalid) as refused:
        public_key_from_jwk(jwk)  # type: ignore[arg-type]
    assert refused.value.code == code


def test_private_and_foreign_pems_are_refused() -> None:
    signer = SoftwareSigner.generate()
    with pytest.raises(Invalid, match=r"key\.private"):
        public_key_from_pem(signer.pem())
    with pytest.raises(Invalid, match=r"key\.malformed"):
        public_key_from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    with pytest.raises(Invalid, match=r"key\.malformed"):
        SoftwareSigner.from_pem(signer.public.pem())


def test_private_files_are_readable_by_their_owner_only(session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    row = create_key(session, folder)
    assert stat.S_IMODE((folder / f"{row.keyid}.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert row.state == "next"


def test_a_hub_without_a_key_says_so(session: Session, tmp_path: Path) -> None:
    with pytest.raises(Transient, match=r"key\.none_active"):
        active_signer(session, tmp_path)


def test_a_key_whose_file_is_gone_is_not_active(session: Session, tmp_path: Path) -> None:
    signer = ensure_active_key(session, tmp_path)
    (tmp_path / f"{signer.keyid}.pem").unlink()
    with pytest.raises(Transient, match=r"key\.none_active"):
        active_signer(session, tmp_path)


def test_rolling_keeps_every_key_published_and_each_step_is_an_entry(session: Session, tmp_path: Path) -> None:
    before = session.query(Entry).filter(Entry.kind == "key").count()
    first = ensure_active_key(session, tmp_path)
    assert ensure_active_key(session, tmp_path).keyid == first.keyid
    second = announce_key(session, tmp_path)
    assert active_signer(session, tmp_path).keyid == first.keyid
    assert roll_key(session, tmp_path) == second
    assert active_signer(session, tmp_path).keyid == second
    revoke_key(session, first.keyid, tmp_path)
    states = {key["kid"]: key["hutong:state"] for key in jwks(session)["keys"]}
    assert states == {first.keyid: "revoked", second: "active"}
    assert all("d" not in key for key in jwks(session)["keys"])
    # made, activated, announced, retired, activated, revoked
    assert session.query(Entry).filter(Entry.kind == "key").count() == before + 6


def test_keys_never_go_back(session: Session, tmp_path: Path) -> None:
    first = ensure_active_key(session, tmp_path).keyid
    roll_key(session, tmp_path)
    for wanted in ("active", "next", "retired"):
        with pytest.raises(Denied, match=r"key\.state"):
            move_key(session, first, wanted)
    with pytest.raises(Denied, match=r"key\.state"):
        move_key(session, "no-such-key", "active")


def test_a_key_is_used_only_once_it_was_published_long_enough(session: Session, tmp_path: Path) -> None:
    first = roll_key(session, tmp_path, ahead=timedelta(hours=1))  # nobody can miss a key before the first
    for _ in range(2):
        with pytest.raises(Denied, match=r"key\.too_fresh"):
            roll_key(session, tmp_path, ahead=timedelta(hours=1))
    second = announce_key(session, tmp_path)
    with pytest.raises(Denied, match=r"key\.too_fresh") as refused:
        roll_key(session, tmp_path, ahead=timedelta(hours=1))
    row = session.get_one(SigningKey, second)
    ready_at = datetime.fromisoformat(str(refused.value.facts["ready_at"]))
    assert abs(ready_at - row.created_at - timedelta(hours=1)) < timedelta(seconds=1)
    row.created_at -= timedelta(hours=1)
    session.flush()
    assert roll_key(session, tmp_path, ahead=timedelta(hours=1)) == second
    assert active_signer(session, tmp_path).keyid == second != first


def test_an_entry_says_where_the_private_part_lies(session: Session, tmp_path: Path) -> None:
    keyid = roll_key(session, tmp_path)
    told = [json.loads(row.document)["facts"] for row in session.query(Entry).filter(Entry.kind == "key")]
    assert [(one["held"], one["algorithm"]) for one in told if one.get("keyid") == keyid] == [("plain", "ed25519")] * 2
