"""An application system in testing, and the command that lets it in."""

import json
from typing import Any

import pytest
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from exchange_api import applications
from exchange_api.sandbox import city, permits
from exchange_api.signing import SoftwareSigner
from hutong.cli import app
from schemas.errors import HutongError

PURPOSE = {"service_item": permits.SERVICE_ITEM, "case": "T-1"}


class Testing:
    """An application in testing."""

    __test__ = False

    def __init__(self, site: Any, name: str) -> None:
        self.site, self.name, self.signer = site, name, SoftwareSigner.generate()
        with Session(site.engine) as session:
            applications.register(session, name, name, "housing")
            applications.register_key(session, name, self.signer.public.jwk)
            session.commit()
        self.grants = {kind: self.open(kind) for kind in permits.KINDS}

    def open(self, kind: str) -> str:
        told = run(self.site, "open", self.name)
        (found,) = [line.split()[0] for line in told.splitlines() if line.split()[0].endswith(f"-{kind}")]
        return found

    def ask(self, kind: str = "population", path: str = "", **more: Any) -> tuple[Any, Any, Any]:
        """Ask; what the answer says, the answer, and its entry."""
        name = permits.KINDS[kind][0]
        plain = {"grant": self.grants[kind], "purpose": PURPOSE, "subjects": city.subjects(name)[:1]}
        wanted = path or f"/v1/libraries/{name}/query"
        request, response = self.site.ask({**plain, **more}, wanted, signer=self.signer)
        entry = self.site.check(request, response)
        return json.loads(response.body), response, json.loads(entry.document)


def run(site: Any, *words: str, code: int = 0) -> str:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in site.environment.items():
            patch.setenv(name, value)
        result = CliRunner().invoke(app, ["sandbox", *words])
    if result.exception and isinstance(result.exception, HutongError):
        raise result.exception
    assert result.exit_code == code, result.output
    return str(result.output)
