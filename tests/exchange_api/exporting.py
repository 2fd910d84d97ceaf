"""Exports at a running exchange with a storage of its own: asked for over HTTP, built here or in a process that can be killed, fetched over HTTP."""

import hashlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy import select
from sqlalchemy.orm import Session

from exchange_api.exports import building
from schemas.tables.exports import ExportFile
from tests.exchange_api.conftest import PURPOSE
from tests.exchange_api.granted import grant

MODES = ["query", "changes", "export"]


@dataclass
class Bulk:
    """The exchange, and the folder in which files lie."""

    site: Any
    landing: Path

    def grant(self, items: dict[str, str], **changes: Any) -> str:
        """A new grant that may export."""
        return grant(self.site, items, **{"modes": MODES} | changes)

    def ask(
        self, grant_id: str, form: str = "ndjson", headers: dict[str, str] | None = None, **more: Any
    ) -> tuple[int, Any]:
        """Ask for an export; status and answer."""
        asked = {"purpose": PURPOSE, "format": form} | more
        return self._said(*self.site.ask(asked, f"/v1/grants/{grant_id}/exports", headers=headers or {}))

    def see(self, told: Any, method: str = "GET") -> tuple[int, Any]:
        """Ask how an export is, or call it off."""
        path = f"/v1/grants/{told['grant']}/exports/{told['export']}"
        return self._said(*self.site.ask(None, path, method=method))

    def built(self, grant_id: str, form: str = "ndjson", **more: Any) -> Any:
        """An export that was asked for and built."""
        status, told = self.ask(grant_id, form, **more)
        assert (status, told["state"]) == (202, "waiting"), told
        assert building.build(told["export"]) == "ready"
        return self.see(told)[1]

    def fetch(self, address: str, **headers: str) -> Any:
        """Fetch a file or a piece of it; the answer is checked and evidenced."""
        request, response = self.site.ask(
            None, address, method="GET", headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        self.site.check(request, response)
        return response

    def contents(self, told: Any) -> list[bytes]:
        """The bytes of all files, each held against the manifest."""
        listed = json.loads(told["signed"]["text"])["files"]
        found = [self.fetch(one["address"]).body for one in told["files"]]
        assert [one["sha256"] for one in listed] == [hashlib.sha256(one).hexdigest() for one in found]
        return found

    def rows(self, told: Any) -> list[dict[str, Any]]:
        """All records of an export, file by file."""
        if told["format"] == "parquet":
            return [row for one in self.contents(told) for row in pq.read_table(io.BytesIO(one)).to_pylist()]
        return [json.loads(line) for one in self.contents(told) for line in one.splitlines()]

    def kept(self, told: Any) -> dict[str, Any]:
        """All records as a consumer of the change feed keeps them."""
        return {
            row.get("entry", row["subject"]): {"subject": row["subject"], "values": row["values"]}
            for row in self.rows(told)
        }

    def files(self, export_id: str) -> list[ExportFile]:
        """The files that are known to be whole."""
        with Session(self.site.engine) as session:
            return list(
                session.scalars(select(ExportFile).where(ExportFile.export_id == export_id).order_by(ExportFile.number))
            )

    def killed(self, export_id: str, point: str) -> None:
        """Build in a process that is killed at a point."""
        done = subprocess.run(
            [sys.executable, "-c", KILLED, export_id, point],
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == -9, done.stderr

    def _said(self, request: Any, response: Any) -> tuple[int, Any]:
        self.site.check(request, response)
        return response.status, json.loads(response.body)


KILLED = """
import os, sys
from exchange_api.exports import building, manifest, writing

def die(*_): os.kill(os.getpid(), 9)

export_id, point = sys.argv[1:]
write, write_file, noted = writing.NdjsonFile.write, building._write_file, lambda number, rows: None
calls = []
def in_a_file(self, rows):
    write(self, rows)
    calls.append(1)
    len(calls) == 2 and die()
def beside_a_file(export, plan, number, cut):
    written = write_file(export, plan, number, cut)
    number == 2 and die()
    return written
if point == "in a file": writing.NdjsonFile.write = in_a_file
if point == "file not noted": building._write_file = beside_a_file
if point == "file noted": noted = lambda number, rows: number == 2 and die()
if point == "before the manifest": manifest.sign_manifest = die
building.build(export_id, noted)
"""
