"""docs/desk-api.md tells programs what to type: its example runs against a real server, and it names every route."""

import re
from pathlib import Path
from typing import Any

import pytest

from exchange_api.desk_api.routes import ROUTES
from tests.exchange_api.desk_town import Desks

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "desk-api.md").read_text("utf-8")


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # the library's word on the algorithm's older name
def test_the_example_of_the_page_runs(desks: Desks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = desks.client("docs.office", "housing", "demander")
    (tmp_path / "office.pem").write_bytes(client.signer.pem())
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for written, meant in (
        ("https://hub.example", desks.site.url),
        ("housing.office", client.id),
        ('KEYID"', f'{client.signer.keyid}"'),
    ):
        assert written in example
        example = example.replace(written, meant)
    monkeypatch.chdir(tmp_path)
    said: dict[str, Any] = {}
    exec(compile(example, "desk-api.md", "exec"), said)
    assert said["demand"]["state"] == "submitted"
    assert desks.site.entry(said["demand"]["receipt"]).kind == "answer"


def test_the_page_names_every_route() -> None:
    words = set(re.findall(r"[a-z-]+", PAGE))
    parts = {part for route in ROUTES for part in route.path.split("/")[2:] if "{" not in part}
    assert parts - words == set()
