"""Why: ways out of the directory from a shell. Part of `hutong catalog`; the work is the catalog storey's.

Workbook and YAML carry each resource's newest version, drafts too, so that they can be mended and brought back; ODCS and DCAT-AP what is published.
"""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from hutong.commands.catalog.naming import resource_id
from schemas.database import transaction
from schemas.errors import Invalid

app = typer.Typer()


class Form(StrEnum):
    """How the directory may go out."""

    xlsx = "xlsx"
    yaml = "yaml"
    odcs = "odcs"
    dcat_ap = "dcat-ap"
    dcat_ap_jsonld = "dcat-ap-jsonld"


Texts = Callable[[Session, Sequence[str], str | None], Iterable[str]]


@app.command("export")
def export(
    form: Annotated[Form, typer.Option("--format", help="Workbook, YAML, data contract, or DCAT-AP.")] = Form.xlsx,
    resource: Annotated[list[str] | None, typer.Option(help="Resource id or code; may be repeated.")] = None,
    department: Annotated[str | None, typer.Option(help="Only this department's.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write, for YAML a folder too; default standard output.")
    ] = None,
) -> None:
    """Give out the directory, or part of it. 导出目录"""
    if form is Form.xlsx and out is None and sys.stdout.isatty():
        raise Invalid("directory.export_needs_file")
    with transaction("reader") as session:
        wanted = [resource_id(session, named) for named in resource or ()]
        if form is Form.xlsx:
            _write_workbook(session, wanted, department, out)
        elif form is Form.yaml and out is not None and not out.suffix:
            _write_folder(session, wanted, department, out)
        else:
            _write_texts(TEXTS[form](session, wanted, department), out)


def _write_workbook(session: Session, wanted: Sequence[str], department: str | None, out: Path | None) -> None:
    from catalog.workbook.selection import newest_drafts
    from catalog.workbook.writing import write_workbook
    from schemas.tables.departments import Department

    departments = {row.id: row for row in session.scalars(select(Department))}
    with tempfile.TemporaryDirectory() as folder:
        path = out or Path(folder) / "directory.xlsx"
        path.parent.mkdir(parents=True, exist_ok=True)
        number = write_workbook(path, newest_drafts(session, wanted, department), departments)
        if out is None:
            sys.stdout.buffer.write(path.read_bytes())
    typer.echo(f"{number} resources{f' → {out}' if out else ''}", err=True)


def _write_texts(texts: Iterable[str], out: Path | None) -> None:
    if out is None:
        for text in texts:
            typer.echo(text, nl=False)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.writelines(texts)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    typer.echo(str(out), err=True)


def _write_folder(session: Session, wanted: Sequence[str], department: str | None, out: Path) -> None:
    from catalog.folder import write_folder
    from catalog.workbook.selection import newest_drafts

    files = write_folder(session, out, newest_drafts(session, wanted, department))
    typer.echo(f"{len(files)} files → {out}", err=True)


def _yaml(session: Session, wanted: Sequence[str], department: str | None) -> Iterator[str]:
    from catalog.folder import text
    from catalog.workbook.selection import newest_drafts

    return _stream(text(draft) for draft in newest_drafts(session, wanted, department))


def _odcs(session: Session, wanted: Sequence[str], department: str | None) -> Iterator[str]:
    from catalog import directory
    from catalog.contract.writing import texts

    ids = set(wanted)
    if department:
        owned = {row.resource_id for row in directory.find(session, department_id=department)}
        ids = ids & owned if ids else owned
    return _stream(text for _, text in texts(session, ids if wanted or department else None))


def _turtle(session: Session, wanted: Sequence[str], department: str | None) -> Iterator[str]:
    from catalog import dcat

    return dcat.parts(session, form="turtle", resources=wanted or None, department=department)


def _json_ld(session: Session, wanted: Sequence[str], department: str | None) -> Iterator[str]:
    from catalog import dcat

    return dcat.parts(session, form="json-ld", resources=wanted or None, department=department)


def _stream(documents: Iterable[str]) -> Iterator[str]:
    """Yield YAML documents as one stream, a line of dashes between two."""
    for place, document in enumerate(documents):
        yield f"---\n{document}" if place else document


TEXTS: dict[Form, Texts] = {
    Form.yaml: _yaml,
    Form.odcs: _odcs,
    Form.dcat_ap: _turtle,
    Form.dcat_ap_jsonld: _json_ld,
}
