"""Why: the city's departments as they are met: files, databases and services in var/demo/sources, with answer key and truth beside them.

`prepare` writes them once per seed and scale and takes them up again afterwards. Called by hutong/demo/story.py and by tests.
"""

import hashlib
import json
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from hutong.demo import writing
from hutong.demo.city_data import City, documents, generate
from hutong.demo.delivery import Fault
from hutong.demo.scale import Scale
from hutong.demo.truth import golden
from hutong.demo.workbook import write_workbook
from hutong.embedded.home import read_json
from schemas.errors import Invalid

EDITION = 2  # goes up when the generator changes what it writes
CREDIT_FILES = 6


@dataclass(frozen=True)
class Sources:
    """Where the city lies: `folder` is var/demo."""

    folder: Path

    @property
    def answer_key(self) -> Path:
        """What must become of every fault."""
        return self.folder / "answer_key.json"

    @property
    def truth(self) -> Path:
        """One Parquet file per library: what every golden record must say."""
        return self.folder / "truth"

    def of(self, department: str) -> Path:
        """Return the folder of one department's system."""
        return self.folder / "sources" / department


def prepare(folder: Path, scale: Scale) -> Sources:
    """Return the city's sources below `folder`; they are written unless they lie there already, whole and of the same scale.

    Raises Invalid `demo.another_city` when another one lies there: a hub cannot show two.
    """
    sources = Sources(folder)
    note, wanted = folder / "city.json", _identity(scale)
    there = read_json(note)
    if there == wanted:
        return sources
    if there and (there["seed"], there["factor"]) != (scale.seed, scale.factor):
        raise Invalid("demo.another_city", seed=there["seed"], scale=there["factor"])
    note.unlink(missing_ok=True)
    shutil.rmtree(folder / "sources", ignore_errors=True)
    city = generate(scale)
    faults = city.faults + _write_all(city, sources)
    _write_answers(city, faults, sources)
    note.write_text(json.dumps(wanted), "utf-8")
    return sources


def _identity(scale: Scale) -> dict[str, Any]:
    catalogue = hashlib.sha256("".join(d.model_dump_json() for d in documents().values()).encode()).hexdigest()
    return {
        "edition": EDITION,
        "seed": scale.seed,
        "factor": scale.factor,
        "today": scale.today.isoformat(),
        "catalogue": catalogue,
    }


def _write_all(city: City, sources: Sources) -> list[Fault]:
    """Write every department's system; return the faults that are whole files."""
    for document in documents().values():
        sources.of(document.department).mkdir(parents=True, exist_ok=True)
    sent = city.deliveries
    police = writing.columns(sent["public_security.resident"])
    police["gxsj"], police["bz"] = f"{city.scale.today}T08:00:00", None
    police.to_parquet(sources.of("public_security") / "resident.parquet", index=False)
    writing.write_sqlite(sent["civil_affairs.marriage"], sources.of("civil_affairs") / "hydj.db", "T_HYDJ")
    writing.write_sqlite(sent["education.graduate"], sources.of("education") / "xjxl.db", "graduates")
    insured = writing.columns(sent["human_resources.insured"])
    roster = sources.of("human_resources") / "参保人员_202601.xlsx"
    write_workbook(insured, roster, "参保人员", "公民身份号码")
    writing.write_csv(
        writing.columns(sent["organisation_office.institution"]),
        sources.of("organisation_office") / "jgsy_202601.csv",
        "utf-8-sig",
    )
    writing.write_lines(
        writing.columns(sent["market_regulation.enterprise"]), sources.of("market_regulation") / "enterprises.ndjson"
    )
    bureau = sent["certificate_bureau.certificate"]
    index = writing.columns(bureau)
    index["fileUrl"] = "/files/" + bureau.sent["certificate_number"] + ".pdf"
    writing.write_lines(index, sources.of("certificate_bureau") / "index.ndjson")
    # the file is made from what is true of the certificate: the index may be wrong, the paper is not
    writing.write_lines(bureau.good, sources.of("certificate_bureau") / "papers.ndjson")
    return _write_credit(city, sources.of("credit_office"))


def _write_credit(city: City, folder: Path) -> list[Fault]:
    """Write the drops: some whole files, one broken off in the middle of a line, one that came twice under another name."""
    delivery = city.deliveries["credit_office.decision"]
    frame, resource = writing.columns(delivery), delivery.document.id
    edges = [len(frame) * n // CREDIT_FILES for n in range(CREDIT_FILES + 1)]
    for number in range(CREDIT_FILES):
        writing.write_csv(
            frame.iloc[edges[number] : edges[number + 1]], folder / f"sgs_2026{number + 1:02d}.csv", "gb18030"
        )
    shutil.copyfile(folder / "sgs_202603.csv", folder / "sgs_202603_补报.csv")
    assert delivery.document.source is not None
    broken = pd.DataFrame({name: city.half_written[item] for name, item in delivery.document.source.mapping.items()})
    path = folder / "sgs_202607.csv"
    writing.write_csv(broken, path, "gb18030")
    whole = path.read_bytes()
    last_line = whole.rstrip(b"\r\n").rfind(b"\r\n") + 2
    path.write_bytes(whole[: last_line + 12])  # a few bytes into the last line, where it still has too few fields
    return [
        Fault("half_written_file", resource, "sgs_202607.csv", "file_refused:files.incomplete"),
        Fault("same_file_twice", resource, "sgs_202603_补报.csv", "file_refused:files.duplicate"),
    ]


def _write_answers(city: City, faults: list[Fault], sources: Sources) -> None:
    document = {
        "scale": {"seed": city.scale.seed, "factor": city.scale.factor, "today": city.scale.today.isoformat()},
        "kinds": dict(sorted(Counter(fault.kind for fault in faults).items())),
        "rows": {name: len(delivery.sent) for name, delivery in city.deliveries.items()},
        "habits": {name: dict(sorted(delivery.habits.items())) for name, delivery in city.deliveries.items()},
        "faults": [asdict(fault) for fault in faults],
    }
    sources.answer_key.write_text(json.dumps(document, ensure_ascii=False, indent=1), "utf-8")
    sources.truth.mkdir(exist_ok=True)
    for name, frame in golden(city).items():
        frame.to_parquet(sources.truth / f"{name}.parquet", index=False)
