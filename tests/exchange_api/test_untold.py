"""Neither words nor work tell whether a grant or a key exists: the same statements, the same bytes back, for what is another's, ended or not there at all."""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from exchange_api import applications
from exchange_api.signing import SoftwareSigner
from tests.exchange_api.counted import Relay, relayed
from tests.exchange_api.crew import crew_of
from tests.exchange_api.granted import grant

OTHERS, NAME = "market.portal", {"name": "full"}
ROUNDS = 15


@pytest.fixture(scope="module")
def counted(exchange_site: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Relay]]:
    """An exchange whose work at the database is counted."""
    with (
        tempfile.TemporaryDirectory(prefix="hutong-") as folder,  # a socket's path is short
        relayed(Path(folder), exchange_site.environment["HUTONG_DATABASE_URL"]) as relay,
    ):
        url = relay.url.render_as_string(hide_password=False)
        site = replace(exchange_site, environment=exchange_site.environment | {"HUTONG_DATABASE_URL": url})
        with crew_of(site, tmp_path_factory.mktemp("counted"), 1) as crew:
            yield crew.site, relay


def _works(counted: tuple[Any, Relay], ask: dict[str, Callable[[], Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What each way of asking is told, and what work it usually makes: statements and bytes back, the most frequent of many rounds in turn."""
    _, relay = counted
    seen: dict[str, Counter[tuple[int, int]]] = {name: Counter() for name in ask}
    told: dict[str, Any] = {}
    for _ in range(ROUNDS):
        for name, one in ask.items():
            before = relay.work
            status, said, headers = one()
            after = relay.work
            seen[name][after[0] - before[0], after[1] - before[1]] += 1
            told[name] = status, {**said, "receipt": ""}, sorted(headers)
    return told, {name: works.most_common(1)[0][0] for name, works in seen.items()}


def _asked(site: Any, grant_id: str, signer: SoftwareSigner | None = None) -> Callable[[], Any]:
    def ask() -> Any:
        _, response = site.ask(site.asking(grant_id), **({"signer": signer} if signer else {}))
        return response.status, json.loads(response.body), response.headers

    return ask


def test_grants_of_others_make_the_work_of_none(counted: tuple[Any, Relay]) -> None:
    site, _ = counted
    used, unused, suspended, ended = (
        grant(site, NAME, application_id=OTHERS, **changes)
        for changes in ({}, {}, {"suspended_by_provider": True}, {"state": "revoked"})
    )
    assert site.ask(site.asking(used), signer=site.other_signer)[1].status == 200, "so the worker remembers it"
    ways = {"used": used, "unused": unused, "suspended": suspended, "ended": ended, "none": "SQ-2099-000001"}
    told, works = _works(counted, {name: _asked(site, grant_id) for name, grant_id in ways.items()})
    assert {one[1]["code"] for one in told.values()} == {"grant.unknown"}
    assert len({json.dumps(one) for one in told.values()}) == 1
    assert len(set(works.values())) == 1, works
    assert works["none"][0] > 0, "the relay counts"
    assert _works(counted, {"own": _asked(site, "SQ-2026-000011")})[1]["own"] != works["none"], (
        "and tells work from work"
    )


def test_keys_that_were_ended_make_the_work_of_keys_that_never_were(counted: tuple[Any, Relay]) -> None:
    site, _ = counted
    signers = {name: SoftwareSigner.generate() for name in ("never", "retired", "revoked")}
    with Session(site.engine) as session:
        for name in ("retired", "revoked"):
            applications.register_key(session, OTHERS, signers[name].public.jwk)
            session.flush()
            applications.end_key(session, OTHERS, signers[name].keyid, compromised=name == "revoked")
        session.commit()
    told, works = _works(counted, {name: _asked(site, "SQ-2026-000001", one) for name, one in signers.items()})
    assert {one[1]["code"] for one in told.values()} == {"signature.unknown_key"}
    assert len(set(works.values())) == 1, works
