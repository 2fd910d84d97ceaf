"""An application of one's own before a worker of one's own: stories of guards and figures must not hold up whoever else asks the shared exchange."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from exchange_api import applications
from exchange_api.signing import Request, Response, SoftwareSigner
from schemas.identifiers import citizen_id_check_digit
from tests.exchange_api.granted import grant

_numbers = itertools.count(1)
LIMITS = """
- {key: neighbours, measure: run, above: 5, seconds: 600, share: 0, suspends: false, pause: 3600, zh: 相邻, en: neighbours}
- {key: neighbours_grave, measure: run, above: 8, seconds: 600, share: 0.2, suspends: true, pause: 0, zh: 枚举, en: enumeration}
- {key: days, measure: day_run, above: 8, seconds: 600, share: 0.2, suspends: true, pause: 0, zh: 逐日, en: days}
- {key: unknown, measure: unknown, above: 12, seconds: 600, share: 0.5, suspends: false, pause: 3600, zh: 不存在, en: unknown}
- {key: repeats, measure: repeats, above: 6, seconds: 600, share: 0, suspends: false, pause: 3600, zh: 反复, en: repeated}
- {key: refusals_grave, measure: refusals, above: 10, seconds: 60, share: 0, suspends: true, pause: 0, zh: 拒绝, en: refusals}
- {key: protected, measure: protected, above: 0, seconds: 60, share: 0, suspends: false, pause: 60, zh: 受保护, en: protected}
"""
"""Rules that a test can reach."""


class Caller:
    """One application, known to the shared database, that asks one worker."""

    def __init__(self, site: Any, authority: str) -> None:
        self.site, self.authority, self.signer = site, authority, SoftwareSigner.generate("ed25519")
        self.id = f"watched.desk{next(_numbers)}"
        with Session(site.engine) as session:
            applications.register(session, self.id, self.id, "housing")
            applications.register_key(session, self.id, self.signer.public.jwk)
            session.commit()

    def grant(self, **changes: Any) -> str:
        """A grant of this application."""
        return grant(self.site, {"name": "full", "birth_date": "masked"}, application_id=self.id, **changes)

    def ask(
        self, grant_id: str, subjects: list[str], *, at: str = "", source: str = "127.0.0.1", **more: Any
    ) -> tuple[int, Any]:
        """Ask for people from an address of this machine; the status and the answer. at: another worker; headers, case: as said."""
        purpose = {"service_item": self.site.purpose["service_item"]}
        if case := more.pop("case", "BJ-2026-0001"):
            purpose["case"] = case
        document = {"grant": grant_id, "purpose": purpose, "subjects": subjects}
        authority = at or self.authority
        request = self.site.question(document, authority=authority, signer=self.signer)
        extra = more.pop("headers", {})
        response = send(
            Request(request.method, authority, request.path, "", request.headers | extra, request.body), source
        )
        return response.status, json.loads(response.body)


def send(request: Request, source: str = "127.0.0.1") -> Response:
    """Send a request from an address of this machine."""
    connection = HTTPConnection(request.authority, timeout=30, source_address=(source, 0))
    with contextlib.closing(connection):
        connection.request(
            request.method, request.path, request.body or None, {"host": request.authority, **request.headers}
        )
        answer = connection.getresponse()
        return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


def get(authority: str, path: str, headers: dict[str, str] | None = None, source: str = "127.0.0.1") -> Response:
    """Ask for a page without a signature."""
    return send(Request("GET", authority, path, "", headers or {}, b""), source)


@contextlib.contextmanager
def worker(serve: Any, site: Any, folder: Path, **settings: str) -> Iterator[str]:
    """A further worker before the shared database; its authority."""
    folder.mkdir(exist_ok=True)
    with serve(site.environment | settings, folder / "worker.log") as authority:
        yield authority


def person(day: int, number: int) -> str:
    """A citizen id nobody has, by its day in May 1991 and its number."""
    stem = f"330106199105{day:02d}{number:03d}"
    return f"{stem}{citizen_id_check_digit(stem)}"
