"""The schema people write by is the one the models read by: committed, current, and true of real documents."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from catalog import published_schema
from hutong.commands.catalog import app
from schemas.errors import Invalid
from schemas.resource import ResourceDraft
from tests.catalog.conftest import resource
from tests.catalog.documents import drafts

ROOT = Path(__file__).parents[2]
CITY = files("hutong").joinpath("demo", "city")


def problems(kind: str, body: Any) -> list[str]:
    return [error.json_path for error in Draft202012Validator(published_schema.schema(kind)).iter_errors(body)]


def as_json(text: str) -> Any:
    """What YAML says, with dates as the text they are written as."""
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


@pytest.mark.parametrize("kind", published_schema.kinds())
def test_the_committed_schema_is_current(kind: str) -> None:
    committed = (ROOT / "docs" / "schema" / f"{kind}.json").read_text("utf-8")
    assert committed == published_schema.schema_text(kind), "run `hutong catalog schema --out docs/schema`"
    Draft202012Validator.check_schema(json.loads(committed))


@pytest.mark.parametrize("name", ["departments", "elements", "service_items"])
def test_the_demonstration_city_s_lists_keep_to_it(name: str) -> None:
    assert problems(name, as_json(CITY.joinpath(f"{name}.yml").read_text("utf-8"))) == []


def test_the_demonstration_city_s_resources_keep_to_it() -> None:
    found = [file for file in CITY.joinpath("resources").iterdir() if file.name.endswith(".yml")]
    assert found
    assert {file.name: problems("resource", as_json(file.read_text("utf-8"))) for file in found} == {
        file.name: [] for file in found
    }


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(drafts())
def test_every_draft_keeps_to_it(draft: ResourceDraft) -> None:
    assert problems("resource_draft", draft.model_dump(mode="json")) == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [({"colour": "blue"}, "$"), ({"code": "9/1"}, "$.code"), ({"update_cycle": 9}, "$.update_cycle"), ({"items": [{"id": "A", "name": "x"}]}, "$.items[0].id")],
)  # fmt: skip
def test_it_catches_what_the_model_would_refuse(changes: dict[str, Any], path: str) -> None:
    found = problems("resource", resource(**changes))
    assert found
    assert all(one.startswith(path) for one in found)


def test_the_command_prints_it_or_writes_them_all(tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["schema"])
    assert json.loads(run.output) == published_schema.schema("resource")
    assert json.loads(CliRunner().invoke(app, ["schema", "--draft"]).output) == published_schema.schema(
        "resource_draft"
    )
    assert json.loads(CliRunner().invoke(app, ["schema", "elements"]).output)["items"]
    CliRunner().invoke(app, ["schema", "--out", str(tmp_path)])
    assert sorted(file.stem for file in tmp_path.iterdir()) == sorted(published_schema.kinds())


def test_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(Invalid, match="resource_draft"):
        published_schema.schema("letters")
