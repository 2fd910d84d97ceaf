"""A consumer of the change feed at the running exchange, and writers that change a library as merges do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import delete, insert, select, text
from sqlalchemy.orm import Session

from libraries import sql
from libraries.history import KEEP, NEXT_MOMENT, NEXT_VERSION
from libraries.horizon import announce
from schemas.library import library
from schemas.tables.library import golden_table, history_table

CHANGE = """WITH moved AS (UPDATE {golden} g SET {set}, version = version + 1, recorded_at = GREATEST(:now, g.recorded_at) WHERE {key} = :key
    RETURNING old.*)"""
REMOVE = "WITH moved AS (DELETE FROM {golden} WHERE {key} = :key RETURNING *)" + KEEP
_ADD = """INSERT INTO {golden} ({names}, sources, batches, version, recorded_at)
    SELECT {marks}, array_fill(1, ARRAY[{width}])::smallint[], array_fill(7, ARRAY[{width}]), {version}, {moment} FROM (SELECT CAST(:key AS text) AS {key}) i"""


@dataclass
class Writer:
    """Changes records within one transaction, all stamped with the time at which it began."""

    session: Session
    spec: Any
    now: Any

    def change(self, key: str, **values: Any) -> None:
        """A new version of a record that is there."""
        assigned = ", ".join(f"{name} = :{name}" for name in values)
        words = sql.words(self.spec.library) | {"set": assigned}
        self.session.execute(text((CHANGE + KEEP).format_map(words)), {"now": self.now, "key": key, **values})

    def remove(self, key: str) -> None:
        """The end of a record."""
        self.session.execute(text(REMOVE.format_map(sql.words(self.spec.library))), {"now": self.now, "key": key})

    def add(self, key: str, **values: Any) -> None:
        """A record that is new, or comes back."""
        words = sql.words(self.spec.library)
        own = {self.spec.key: "key"} | {name: name for name in values}
        words |= {
            "names": ", ".join(own), "marks": ", ".join(f":{one}" for one in own.values()), "width": str(len(self.spec.attribute_ids)),
            "version": NEXT_VERSION.format_map(words), "moment": NEXT_MOMENT.format_map(words),
        }  # fmt: skip
        self.session.execute(text(_ADD.format_map(words)), {"now": self.now, "key": key, **values})


@contextmanager
def writing(site: Any, name: str = "population") -> Iterator[Writer]:
    """A transaction that writes a library as a merge does: it says when it began, stamps that time, and commits when the block ends."""
    with Session(site.engine) as session:
        yield Writer(session, library(name), announce(session, name))
        session.commit()


@dataclass
class Consumer:
    """Keeps a copy by the feed, and holds every page to the chain."""

    site: Any
    grant: str
    limit: int = 850
    cursor: str | None = None
    page: int = 0
    copy: dict[str, Any] = field(default_factory=dict)
    seen: list[dict[str, Any]] = field(default_factory=list)
    known_at: str = ""

    def ask(self, after: str | None = None, **more: Any) -> tuple[int, Any]:
        """One signed question; status and answer, whose evidence stands."""
        query = (
            {"limit": self.limit, "case": "BJ-2026-0001"} | ({"after": after} if after else {}) | more.pop("query", {})
        )
        path = f"/v1/grants/{self.grant}/changes"
        request, response = self.site.ask(None, path, method="GET", query=urlencode(query), **more)
        self.site.check(request, response)
        return response.status, json.loads(response.body)

    def turn(self) -> Any:
        """Take the next page in."""
        status, page = self.ask(self.cursor)
        assert status == 200, page
        assert (page["follows"], page["page"]) == (self.cursor, self.page + 1)
        self.cursor, self.page, self.known_at = page["next"], page["page"], page["known_at"]
        for change in page["changes"]:
            self.take(change)
        return page

    def follow(self) -> list[dict[str, Any]]:
        """Take all pages there are; what they told."""
        begun = len(self.seen)
        while self.turn()["more"]:
            pass
        return self.seen[begun:]

    def take(self, change: dict[str, Any]) -> None:
        """Apply one change to the copy: additions are new, changes and tombstones find what they are about."""
        self.seen.append(change)
        key = change.get("entry", change["subject"])
        if change["change"] == "added":
            assert key not in self.copy
        else:
            assert key in self.copy
        if change["change"] == "removed":
            del self.copy[key]
        else:
            self.copy[key] = {"subject": change["subject"], "values": change["values"]}


@contextmanager
def left_as_found(site: Any, name: str = "population") -> Iterator[None]:
    """Put a library back as it was: other files ask about the same people."""
    tables = (golden_table(name), history_table(name))
    with site.engine.connect() as connection:
        before = [[dict(row) for row in connection.execute(select(table)).mappings()] for table in tables]
    yield
    with site.engine.begin() as connection:
        for table, rows in zip(tables, before, strict=True):
            connection.execute(delete(table))
            if rows:
                connection.execute(insert(table), rows)
