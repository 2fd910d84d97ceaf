"""Why: another bureau keeps watch that the evidence log only ever grows. Called by `hutong witness`; needs no database and no running hub."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Witness the evidence logs of hubs. 见证存证日志")
Folder = Annotated[Path, typer.Option("--folder", help="The witness's key and memory. 见证方密钥与状态目录")]
LogKey = Annotated[str, typer.Argument(help="Log's key as its hub prints it by `hutong log vkey`. 日志公钥")]
DEFAULT = Path("var/witness")


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="Name of this witness, unique: witness.archives.example/1. 见证方名称")],
    folder: Folder = DEFAULT,
) -> None:
    """Make a witness: its key and an empty memory. 建立见证方"""
    from exchange_api.witness import memory

    memory.create(folder, name)
    show(folder)


@app.command()
def trust(log_key: LogKey, folder: Folder = DEFAULT) -> None:
    """Cosign this log from now on; again for each further key of the same log. 信任日志公钥"""
    from exchange_api.evidence.cosignature import VerifierKey
    from exchange_api.witness import memory

    with memory.opened(folder) as found:
        found.trust(VerifierKey.parse(log_key))
    show(folder)


@app.command()
def distrust(log_key: LogKey, folder: Folder = DEFAULT) -> None:
    """Trust a log's key no longer; what was cosigned stays known. 不再信任日志公钥"""
    from exchange_api.evidence.cosignature import VerifierKey
    from exchange_api.witness import memory

    with memory.opened(folder) as found:
        found.forget_key(VerifierKey.parse(log_key))
    show(folder)


@app.command()
def show(folder: Folder = DEFAULT) -> None:
    """Print this witness's key, and what it has cosigned of each log. 查看见证方"""
    from exchange_api.witness import memory

    with memory.opened(folder) as found:
        typer.echo(str(found.vkey))
        for origin, seen in found.logs.items():
            typer.echo(f"{origin}  大小 size {seen.size:,}  公钥 keys {len(seen.vkeys)}")


@app.command()
def run(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0: a free one. 端口")] = 7320,
    host: Annotated[str, typer.Option("--host", help="Address to listen at. 监听地址")] = "127.0.0.1",
    folder: Folder = DEFAULT,
) -> None:
    """Answer POST /add-checkpoint until told to stop (Ctrl-C or SIGTERM). 运行见证服务"""
    from exchange_api.witness import memory
    from exchange_api.witness.judging import Witness
    from exchange_api.witness.serving import WitnessServer

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with memory.opened(folder) as found, WitnessServer((host, port), Witness(found)) as server:
        threading.Thread(target=server.serve_forever, name="witness").start()
        typer.echo(f"{found.vkey} http://{host}:{server.server_address[1]}")
        stop.wait()
        server.shutdown()
