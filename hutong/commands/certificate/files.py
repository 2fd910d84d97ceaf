"""Why: bring the files of certificates in, look at what their seals said, and fetch one. Called by `hutong certificate file`."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from libraries.certificates import files
from schemas.database import transaction
from schemas.errors import Invalid

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Files of certificates and their seals. 证照文件")


@app.command()
def add(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="Files, or folders of files. 文件或文件夹")],
    certificate: Annotated[
        str | None, typer.Option(help="The certificate it is of; only with one file. 电子证照标识")
    ] = None,
) -> None:
    """Store files by their digest and check their seals; wrong ones are stored and told to the issuer. Again is the same. 存入证照文件"""
    found = [
        file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path]) if file.is_file()
    ]
    if certificate and len(found) != 1:
        raise Invalid("certificate.one_file")
    counts: Counter[str] = Counter()
    for number, path in enumerate(found, 1):
        counts[_add(path, certificate, f"{number}/{len(found)}")] += 1
    typer.echo(", ".join(f"{name} {number}" for name, number in sorted(counts.items())) or "no files / 没有文件")
    if counts["refused"]:
        raise typer.Exit(1)


def _add(path: Path, certificate: str | None, place: str) -> str:
    try:
        stored = files.add(path.read_bytes(), certificate, by="hutong certificate file add")
    except Invalid as wrong:
        if certificate:
            raise
        typer.echo(f"{place} {path.name}: {wrong.title()} {wrong.remedy()} / {wrong.title('en')}", err=True)
        return "refused"
    named = len(stored.entries) or "no entry names it / 无条目引用"
    told = f", reported 已报告 {', '.join(stored.reported)}" if stored.reported else ""
    typer.echo(f"{place} {path.name}: {stored.digest} {stored.seal}, entries 条目 {named}{told}")
    return "new" if stored.is_new else "known"


@app.command()
def show(digest: Annotated[str, typer.Argument(help="SHA-256 of the file, hexadecimal. 文件摘要")]) -> None:
    """Print what the seals of a stored file said when it came. 查看签章验证结果"""
    with transaction("reader") as session:
        found = files.get(session, digest)
    if found is None:
        raise Invalid("certificate.no_file", digest=digest)
    typer.echo(f"{found.digest} {found.media_type} {found.size:,} B, {found.seal}, {found.checked_at:%Y-%m-%d %H:%M}")
    for one in found.report:
        altered = ", altered afterwards / 签章后被修改" if one["altered"] else ""
        typer.echo(f"  {one['field']}: {one['seal']}{altered}, {one['signer'] or one['problem']}")
        typer.echo(
            f"    signed 签署 {one['signed_at'] or '—'}, {one['digest'] or '—'}, covers 覆盖 {one['coverage'] or '—'}"
        )


@app.command()
def get(
    digest: Annotated[str, typer.Argument(help="SHA-256 of the file, hexadecimal. 文件摘要")],
    out: Annotated[Path, typer.Option(help="File to write. 输出文件")],
) -> None:
    """Write a stored file out as it came. 取出证照文件"""
    out.write_bytes(files.read(digest))
    typer.echo(f"{out}")
