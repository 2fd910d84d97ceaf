"""Why: two departments answer over HTTP from processes of their own. They belong to the installation like its other services: `hutong up` starts them
as watched children once the city exists, `hutong down` stops them.

`units` is what the plan of hutong/embedded asks; `prepare` chooses ports and tokens; `ensure` starts those that do not run, marked as this
installation's own, so that `hutong down` finds them too.
"""

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import requests

from hutong.embedded.environment import for_child
from hutong.embedded.home import Home, read_json, write_json
from hutong.embedded.ports import choose_ports
from hutong.embedded.unit import Unit
from schemas.errors import Terminal

MODULES = {"market_regulation": "hutong.demo.market_service", "certificate_bureau": "hutong.demo.certificate_service"}


def prepare(home: Home) -> dict[str, tuple[int, str]]:
    """Return port and token per department; chosen once and kept in var/state, where only the owner reads them."""
    path, kept = _note(home), read_json(_note(home)) or {}
    answering = set(kept) == set(MODULES) and all(Probe(entry["port"])() for entry in kept.values())
    if not answering:  # a port somebody else took meanwhile is given up
        ports = choose_ports(home, dict.fromkeys(MODULES))
        tokens = {department: entry["token"] for department, entry in kept.items()}
        kept = {d: {"port": ports[d], "token": tokens.get(d) or secrets.token_urlsafe(24)} for d in MODULES}
        write_json(path, kept)
    for department, entry in kept.items():
        _write_token(_token_file(home, department), entry["token"])
    return {department: (entry["port"], entry["token"]) for department, entry in kept.items()}


def police_password(home: Home) -> str:
    """Return the password of the hub's login at the police database; made at the first call and kept in var/state."""
    path = home.state / "demo_police.json"
    kept = read_json(path) or {"password": secrets.token_urlsafe(24)}
    write_json(path, kept)
    return str(kept["password"])


def units(home: Home) -> list[Unit]:
    """Return the services of a city that was generated in this installation; none where there is no city."""
    kept = read_json(_note(home)) or {}
    return [
        Unit(
            name=f"demo-{department.replace('_', '-')}",
            command=_command(home, department, entry["port"]),
            probe=_probe(entry["port"]),
        )
        for department, entry in kept.items()
    ]


def ensure(home: Home, seconds: float = 20) -> None:
    """Start the services that do not answer and wait until all do. Raises Terminal `demo.service_silent`."""
    for unit in units(home):
        if not unit.probe():
            _start(home, unit)
    until = time.monotonic() + seconds
    for unit in units(home):
        while not unit.probe():
            if time.monotonic() > until:
                raise Terminal("demo.service_silent", service=unit.name, log=home.log / f"{unit.name}.log")
            time.sleep(0.1)


def _start(home: Home, unit: Unit) -> None:
    with (home.log / f"{unit.name}.log").open("ab") as log:
        subprocess.Popen(  # noqa: S603 — our own command; it lives on after this command; `hutong down` ends it by its mark
            unit.command,
            cwd=home.root,
            env=for_child(home, {}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _command(home: Home, department: str, port: int) -> tuple[str, ...]:
    place = ("--token-file", str(_token_file(home, department)), "--data", str(_folder(home, department)))
    return (sys.executable, "-m", MODULES[department], "--port", str(port), *place)


def _probe(port: int) -> "Probe":
    return Probe(port)


class Probe:
    """Whether a department's service answers."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(self) -> bool:
        """Ask its health page."""
        session = requests.Session()
        session.trust_env = False  # loopback, never through a proxy
        try:
            return session.get(f"http://127.0.0.1:{self.port}/health", timeout=2).status_code == 200
        except requests.RequestException:
            return False


def _write_token(path: Path, token: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(token)


def _note(home: Home) -> Path:
    return home.state / "demo_services.json"


def _token_file(home: Home, department: str) -> Path:
    return home.state / f"demo_{department}.token"


def _folder(home: Home, department: str) -> Path:
    return home.var / "demo" / "sources" / department
