"""Why: the authority lets application systems into testing and into production from a shell. Called by `hutong sandbox`; works by exchange_api.sandbox."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hutong.commands.acting import Acting, actor_of
from schemas.database import transaction

if TYPE_CHECKING:
    from exchange_api.signing import SoftwareSigner

app = typer.Typer(no_args_is_help=True, help="Applications in testing, answered from made-up records. 测试环境")
ApplicationId = Annotated[str, typer.Argument(help="Id of the application. 应用系统编号")]


@app.command("open")
def open_(application: ApplicationId, acting: Acting = None) -> None:
    """Put an application into testing and print its grants and whom to ask about; again changes nothing. 开通测试"""
    from exchange_api.sandbox import city, desk, permits

    with transaction("exchange") as session:
        number = desk.open_sandbox(session, actor_of(session, acting, "", "authority"), application).number
    typer.echo(f"{application}  测试中 in testing  service_item: {permits.SERVICE_ITEM}")
    for kind, (name, forms) in permits.KINDS.items():
        items = ", ".join(f"{item} ({form})" for item, form in forms.items())
        typer.echo(f"{permits.grant_id(number, kind)}  {name}: {items}")
    for name in dict.fromkeys(name for name, _ in permits.KINDS.values()):
        typer.echo(f"虚构对象 made-up subjects, {name}: {' '.join(city.subjects(name))}")


@app.command("new")
def new(
    application: ApplicationId,
    department: Annotated[str, typer.Option(help="Id of the department it asks for. 部门编号")],
    out: Annotated[Path, typer.Option(help="Folder for key.pem and subjects.txt; made when it is not there. 输出目录")],
    acting: Acting = None,
) -> None:
    """Make a key, register an application with it, put it into testing, and print the command that holds the hub against the protocol. 一步开通测试应用

    Again changes nothing and prints the same; a key that lies in the folder is used.
    """
    from exchange_api import applications
    from exchange_api.hub import ApiSettings
    from exchange_api.sandbox import city, desk, permits

    signer = _key(out)
    with transaction("exchange") as session:
        actor = actor_of(session, acting, "", "authority")
        applications.register(session, application, application, department)
        applications.register_key(session, application, signer.public.jwk)
        number = desk.open_sandbox(session, actor, application).number
    (out / "subjects.txt").write_text("\n".join(city.subjects("population")) + "\n", "utf-8")
    typer.echo(f"{application}  测试中 in testing", err=True)
    typer.echo(
        f"hutong conformance {ApiSettings().api_url} --key {out / 'key.pem'} --grant {permits.grant_id(number, 'masked')}"
        f" --service-item {permits.SERVICE_ITEM} --subject-file {out / 'subjects.txt'}"
    )


def _key(folder: Path) -> "SoftwareSigner":
    """Return the key of a folder, made there for its owner only when there is none."""
    from exchange_api.signing import SoftwareSigner

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "key.pem"
    if not file.exists():
        with open(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as kept:  # noqa: PTH123 - opened for its owner from the first byte on
            kept.write(SoftwareSigner.generate().pem())
    return SoftwareSigner.from_pem(file.read_bytes())


@app.command("promote")
def promote(application: ApplicationId, acting: Acting = None) -> None:
    """Let an application into production; its made-up grants end at once. 转入正式环境"""
    from exchange_api.sandbox import desk

    with transaction("exchange") as session:
        desk.promote(session, actor_of(session, acting, "", "authority"), application)
    typer.echo(f"{application}  正式 in production")
