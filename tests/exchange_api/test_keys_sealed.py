"""What lies in the keys folder is of no use without the key-encryption key, and nothing is lost on the way there, to another one, or in a crash."""

import base64
import contextlib
import json
import os
import secrets
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.orm import Session

from exchange_api.evidence.keyring import ensure_active_key, roll_key
from exchange_api.evidence.ledger import subject_secret
from exchange_api.keeping import envelope, files
from exchange_api.keeping.envelope import Label, is_sealed
from exchange_api.keeping.inspection import warnings
from exchange_api.keeping.kek import FileKek, KekSettings, current_kek, make_kek_file
from exchange_api.keys import active_signer
from exchange_api.signing.sealed import seal, unseal
from schemas.errors import HutongError, Invalid, Transient
from schemas.tables.evidence import SigningKey


@dataclass
class Place:
    """A keys folder and a key-encryption key elsewhere."""

    keys: Path
    kek: Path
    patch: pytest.MonkeyPatch

    def configure(self, kek: Path | None) -> None:
        """Let the installation use this KEK file, or none."""
        if kek is None:
            self.patch.delenv("HUTONG_KEK_FILE", raising=False)
        else:
            self.patch.setenv("HUTONG_KEK_FILE", str(kek))


@pytest.fixture
def place(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    session.query(SigningKey).delete()
    found = Place(tmp_path / "hub" / "keys", tmp_path / "safe" / "kek", monkeypatch)
    make_kek_file(found.kek, found.keys)
    return found


def _secrets(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in files.secrets_in(folder)}


def test_a_kek_file_is_for_its_owner_and_never_written_over(place: Place) -> None:
    assert stat.S_IMODE(place.kek.stat().st_mode) == 0o600
    assert place.kek.stat().st_size == 32
    with pytest.raises(Invalid, match=r"key\.kek_exists"):
        make_kek_file(place.kek, place.keys)


@pytest.mark.parametrize("name", ["keys/kek", "keys/below/kek", "kek"])
def test_a_kek_does_not_lie_with_its_keys_unless_said(place: Place, name: str) -> None:
    beside = place.keys.parent / name
    with pytest.raises(Invalid, match=r"key\.kek_beside"):
        make_kek_file(beside, place.keys)
    assert make_kek_file(beside, place.keys, is_beside=True).name.startswith("file:")


@pytest.mark.parametrize(("content", "mode"), [(b"short", 0o600), (bytes(32), 0o644), (None, 0o600)])
def test_a_kek_file_that_cannot_be_trusted_is_refused(place: Place, content: bytes | None, mode: int) -> None:
    place.kek.unlink()
    if content is not None:
        place.kek.write_bytes(content)
        place.kek.chmod(mode)
    place.configure(place.kek)
    with pytest.raises(Transient, match=r"key\.kek_malformed"):
        current_kek()


def test_with_a_kek_new_keys_never_touch_the_disk_plain(session: Session, place: Place) -> None:
    place.configure(place.kek)
    signer = ensure_active_key(session, place.keys)
    subject_secret(place.keys)
    assert unseal(seal("door", "a.b", place.keys), "a.b", place.keys) == "door"
    found = _secrets(place.keys)
    assert set(found) == {f"{signer.keyid}.pem", "subject.key", "sealing.key"}
    assert all(is_sealed(data) for data in found.values())
    assert active_signer(session, place.keys).keyid == signer.keyid
    assert warnings(place.keys) == []


def test_a_plain_folder_is_encrypted_in_place_and_again_changes_nothing(session: Session, place: Place) -> None:
    signer, secret = ensure_active_key(session, place.keys), subject_secret(place.keys)
    assert len(warnings(place.keys)) == 1
    place.configure(place.kek)
    assert active_signer(session, place.keys).keyid == signer.keyid  # plain still works until it is encrypted
    assert "hutong keys encrypt" in warnings(place.keys)[0][1]
    kek = FileKek.read(place.kek)
    assert {path.name for path in files.encrypt(place.keys, kek)} == {f"{signer.keyid}.pem", "subject.key"}
    assert files.encrypt(place.keys, kek) == []
    assert active_signer(session, place.keys).sign(b"x") == signer.sign(b"x")
    assert files.read(place.keys / "subject.key") == secret
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files.secrets_in(place.keys))
    assert not list(place.keys.glob(".*"))


def test_without_the_kek_nothing_is_signed_and_nothing_new_is_made(session: Session, place: Place) -> None:
    place.configure(place.kek)
    ensure_active_key(session, place.keys)
    subject_secret(place.keys)
    before = _secrets(place.keys)
    place.configure(None)
    subject_secret.cache_clear()
    for ask in (lambda: active_signer(session, place.keys), lambda: subject_secret(place.keys)):
        with pytest.raises(Transient, match=r"key\.kek_missing"):
            ask()
    assert _secrets(place.keys) == before


def test_another_kek_is_named_as_such(session: Session, place: Place) -> None:
    place.configure(place.kek)
    ensure_active_key(session, place.keys)
    other = place.kek.with_name("other")
    made = make_kek_file(other, place.keys)
    place.configure(other)
    with pytest.raises(Transient, match=r"key\.kek_wrong") as refused:
        active_signer(session, place.keys)
    assert made.name in str(refused.value)
    assert FileKek.read(place.kek).name in str(refused.value)
    assert FileKek.read(place.kek).name in warnings(place.keys)[0][1]


def test_a_sealed_secret_cannot_be_changed_or_put_in_anothers_place(place: Place) -> None:
    kek, label = FileKek.read(place.kek), Label("signing", "one")
    data = envelope.seal(b"secret", label, kek)
    assert b"secret" not in data
    assert envelope.unseal(data, label, kek) == b"secret"
    for other in (Label("signing", "two"), Label("subject", "one")):
        with pytest.raises(ValueError, match="another secret's"):
            envelope.unseal(data, other, kek)
    members = json.loads(data)
    for name in ("wrapped", "nonce", "sealed", "format"):
        value = members[name]
        changed = json.dumps({**members, name: value[:-1] + ("0" if value[-1] != "0" else "1")}).encode()
        with pytest.raises(ValueError, match=r"version|open|damaged"):
            envelope.unseal(changed, label, kek)


def test_a_key_file_copied_over_anothers_is_not_taken(session: Session, place: Place) -> None:
    place.configure(place.kek)
    first = ensure_active_key(session, place.keys).keyid
    second = roll_key(session, place.keys)
    (place.keys / f"{second}.pem").write_bytes((place.keys / f"{first}.pem").read_bytes())
    with pytest.raises(Transient, match=r"key\.kek_wrong"):
        active_signer(session, place.keys)


def test_secrets_move_to_a_new_kek_and_the_old_one_opens_nothing(session: Session, place: Place) -> None:
    place.configure(place.kek)
    signer = ensure_active_key(session, place.keys)
    subject_secret(place.keys)
    new = place.kek.with_name("new")
    old, made = FileKek.read(place.kek), make_kek_file(new, place.keys)
    assert len(files.rewrap(place.keys, old, made)) == 2
    assert files.rewrap(place.keys, old, made) == []
    with pytest.raises(Transient, match=r"key\.kek_wrong"):
        active_signer(session, place.keys)
    place.configure(new)
    assert active_signer(session, place.keys).keyid == signer.keyid


def test_a_wrong_former_kek_changes_nothing(session: Session, place: Place) -> None:
    place.configure(place.kek)
    ensure_active_key(session, place.keys)
    before = _secrets(place.keys)
    stranger, new = FileKek(secrets.token_bytes(32)), FileKek(secrets.token_bytes(32))
    with pytest.raises(Transient, match=r"key\.kek_wrong"):
        files.rewrap(place.keys, stranger, new)
    assert _secrets(place.keys) == before


_ENCRYPT = """
import os, signal, sys
from pathlib import Path
from exchange_api.keeping import files
from exchange_api.keeping.kek import FileKek
left, replace = int(sys.argv[3]), Path.replace
def counted(self, target):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)
Path.replace = counted
files.encrypt(Path(sys.argv[1]), FileKek.read(Path(sys.argv[2])))
"""


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_killed_while_encrypting_every_secret_is_whole_and_the_next_run_ends_it(place: Place, renames: int) -> None:
    place.keys.mkdir(parents=True)
    told = {f"{name}.key": secrets.token_bytes(32) for name in ("sealing", "subject", "other")}
    for name, secret in told.items():
        (place.keys / name).write_bytes(secret)
    order = [sys.executable, "-c", _ENCRYPT, str(place.keys), str(place.kek), str(renames)]
    killed = subprocess.run(order, check=False, timeout=240)
    assert killed.returncode == -signal.SIGKILL
    place.configure(place.kek)
    assert sum(is_sealed(data) for data in _secrets(place.keys).values()) == renames
    assert {name: files.read(place.keys / name) for name in told} == told
    for draft in place.keys.glob(".*.draft"):
        os.utime(draft, (0, 0))
    files.encrypt(place.keys, FileKek.read(place.kek))
    assert {name: files.read(place.keys / name) for name in told} == told
    assert {path.name for path in place.keys.iterdir()} == set(told)


def test_of_two_who_make_a_secret_at_once_one_wins(place: Place) -> None:
    place.configure(place.kek)
    path, made = place.keys / "subject.key", []
    gate = threading.Barrier(4)

    def make() -> None:
        gate.wait()
        made.append(files.make(path, secrets.token_bytes(32)))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(made) == [False, False, False, True]
    assert len(files.read(path)) == 32


@dataclass
class Vault:
    """A server that speaks the two endpoints of the transit engine as they are documented: base64 in, `vault:v1:` out, errors in `errors`."""

    url: str
    token: str = "s.good"
    keys: dict[str, bytes] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    is_sealed: bool = False
    namespace: str | None = None
    says: tuple[int, dict[str, object]] | None = None

    def answer(self, path: str, headers: Any, body: dict[str, str]) -> tuple[int, dict[str, object]]:
        """Return status and document."""
        self.told.append(path)
        token = headers["x-vault-token"]
        assert headers["x-vault-request"] == "true", "Vault's agents and proxies ask for it"
        if self.says:
            return self.says
        if self.is_sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if headers["x-vault-namespace"] != self.namespace:
            return 404, {"errors": ["no handler for route"]}
        if token != self.token:
            return 403, {"errors": ["permission denied"]}
        _, version, mount, verb, name = path.split("/")
        assert (version, mount) == ("v1", "transit")
        key = self.keys.setdefault(name, secrets.token_bytes(32))
        if verb == "encrypt":
            nonce = secrets.token_bytes(12)
            raw = nonce + AESGCM(key).encrypt(nonce, base64.b64decode(body["plaintext"], validate=True), None)
            return 200, {"data": {"ciphertext": f"vault:v1:{base64.b64encode(raw).decode()}", "key_version": 1}}
        raw = base64.b64decode(body["ciphertext"].removeprefix("vault:v1:"))
        try:
            plain = AESGCM(key).decrypt(raw[:12], raw[12:], None)
        except Exception:  # noqa: BLE001 - Vault's words for it
            return 400, {"errors": ["cipher: message authentication failed"]}
        return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}


@contextlib.contextmanager
def _vault() -> Iterator[Vault]:
    class Desk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, document = found.answer(self.path, self.headers, body)
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    found = Vault(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def vault(place: Place, tmp_path: Path) -> Iterator[Vault]:
    """A Vault that this installation is configured for."""
    (tmp_path / "token").write_text("s.good\n")
    with _vault() as found:
        for name, value in (("ADDR", found.url), ("TOKEN_FILE", str(tmp_path / "token")), ("KEY", "hub")):
            place.patch.setenv(f"HUTONG_VAULT_{name}", value)
        yield found


def test_vault_wraps_and_unwraps_and_sees_no_private_key(session: Session, place: Place, vault: Vault) -> None:
    signer = ensure_active_key(session, place.keys)
    assert envelope.kek_of((place.keys / f"{signer.keyid}.pem").read_bytes()) == "vault:transit/hub"
    assert active_signer(session, place.keys).sign(b"x") == signer.sign(b"x")
    assert set(vault.told) == {"/v1/transit/encrypt/hub", "/v1/transit/decrypt/hub"}


def test_a_vault_that_does_not_answer_is_named_with_the_reason(session: Session, place: Place, vault: Vault) -> None:
    ensure_active_key(session, place.keys)
    vault.is_sealed = True
    with pytest.raises(Transient, match=r"key\.kek_unreachable.*HTTP 503"):
        active_signer(session, place.keys)
    vault.is_sealed, vault.token = False, "s.other"
    with pytest.raises(Transient, match=r"key\.kek_unreachable.*HTTP 403"):
        active_signer(session, place.keys)
    place.patch.setenv("HUTONG_VAULT_TOKEN_FILE", "/nowhere")
    with pytest.raises(Transient, match=r"key\.kek_unreachable.*token file"):
        active_signer(session, place.keys)
    place.patch.setenv("HUTONG_VAULT_ADDR", "http://127.0.0.1:1")
    with pytest.raises(Transient, match=r"key\.kek_unreachable"):
        active_signer(session, place.keys)


@pytest.mark.parametrize(
    ("status", "error", "word"),
    [
        (400, "missing client token", "no token"), (403, "permission denied", "policy or namespace"), (404, "no handler for route", "mount"),
        (307, "", "standby"), (429, "request path is rate limited", "rate limit"), (472, "", "disaster-recovery"), (473, "", "performance standby"),
        (500, "internal error", "HTTP 500"), (501, "", "not initialised"), (503, "Vault is sealed", "sealed"),
    ],
)  # fmt: skip
def test_what_vault_is_documented_to_say_is_told_in_words_and_never_taken_for_a_wrong_key(
    session: Session, place: Place, vault: Vault, status: int, error: str, word: str
) -> None:
    ensure_active_key(session, place.keys)
    vault.says = status, {"errors": [error] if error else []}
    with pytest.raises(Transient, match=rf"key\.kek_unreachable.*{word}"):
        active_signer(session, place.keys)
    vault.says = None
    active_signer(session, place.keys)


def test_a_namespace_is_named_at_every_call(session: Session, place: Place, vault: Vault) -> None:
    vault.namespace = "city/hub"
    with pytest.raises(Transient, match=r"key\.kek_unreachable.*namespace"):
        ensure_active_key(session, place.keys)
    place.patch.setenv("HUTONG_VAULT_NAMESPACE", "city/hub")
    signer = ensure_active_key(session, place.keys)
    assert active_signer(session, place.keys).keyid == signer.keyid


def test_a_transit_key_that_is_another_opens_nothing(session: Session, place: Place, vault: Vault) -> None:
    ensure_active_key(session, place.keys)
    vault.keys["hub"] = secrets.token_bytes(32)
    with pytest.raises(Transient, match=r"key\.kek_wrong.*Vault refuses"):
        active_signer(session, place.keys)


def test_secrets_move_from_a_file_to_vault(session: Session, place: Place, vault: Vault) -> None:
    place.configure(place.kek)
    signer = ensure_active_key(session, place.keys)
    old = FileKek.read(place.kek)
    place.configure(None)
    new = current_kek()
    assert new is not None
    files.rewrap(place.keys, old, new)
    assert active_signer(session, place.keys).keyid == signer.keyid
    assert vault.told


def test_the_token_stands_in_no_error(session: Session, place: Place, vault: Vault) -> None:
    vault.token = "s.other"
    with pytest.raises(HutongError) as refused:
        ensure_active_key(session, place.keys)
    assert "s.good" not in f"{refused.value} {refused.value.facts}"
    assert KekSettings().vault_key == "hub"
