"""Why: the authority lets application systems into testing and into production from a shell. Called by `hutong sandbox`; works by exchange_api.sandbox."""

from typing import Annotated

import typer

from hutong.commands.acting import Acting, actor_of
from schemas.database import transaction

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


@app.command("promote")
def promote(application: ApplicationId, acting: Acting = None) -> None:
    """Let an application into production; its made-up grants end at once. 转入正式环境"""
    from exchange_api.sandbox import desk

    with transaction("exchange") as session:
        desk.promote(session, actor_of(session, acting, "", "authority"), application)
    typer.echo(f"{application}  正式 in production")
