"""A value that a steward ruled says so in the answer, and its ruling stands in the evidence where a batch would."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text


@pytest.fixture
def ruled(exchange_site: Any) -> Iterator[str]:
    """A person whose name is ruled while the test lasts."""
    person = str(exchange_site.people[-1])
    change = text(
        "UPDATE library.population SET name = :name, sources[1] = :source, batches[1] = :batch WHERE subject = :person"
    )
    read = text(
        "SELECT name, sources[1] AS source, batches[1] AS batch FROM library.population WHERE subject = :person"
    )
    with exchange_site.engine.begin() as connection:
        before = dict(connection.execute(read, {"person": person}).mappings().one())
        connection.execute(change, {"name": "欧阳裁", "source": 0, "batch": -5, "person": person})
    yield person
    with exchange_site.engine.begin() as connection:
        connection.execute(change, {**before, "person": person})


def test_a_ruled_value_names_its_ruling(exchange_site: Any, ruled: str) -> None:
    request, response = exchange_site.ask(exchange_site.asking(subjects=[ruled]))
    assert response.status == 200, response.body
    entry = exchange_site.check(request, response)
    (record,) = json.loads(response.body)["records"]
    assert record["values"]["name"] == "欧阳裁"
    assert record["sources"]["name"] == {"resource": "steward.ruling", "batch": "ruling:5"}
    assert record["sources"]["birth_date"]["resource"] == "public_security.resident"
    assert json.loads(entry.document)["batches"] == ["public_security.resident/run-1", "ruling:5"]
