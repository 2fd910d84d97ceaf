"""Why: the whole main job as one story that ends by itself: a city's departments in, a signed answer out, and the proof that nothing went wrong.

Called by `hutong demo`. Every step is one the user could take by hand; running it again finds what is there and takes new runs.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from catalog import directory
from catalog.folder import import_folder
from catalog.snapshot import write_snapshot
from hutong.demo import accounts, exchange_story, police_database, services
from hutong.demo.city_data import CITY
from hutong.demo.compare import compare
from hutong.demo.connections_file import write_connections
from hutong.demo.report import Outcome, write_report
from hutong.demo.scale import Scale
from hutong.demo.sources import Sources, prepare
from hutong.demo.waves import WAVES
from hutong.embedded.airflow_client import AirflowClient, Run
from hutong.embedded.environment import connect
from hutong.embedded.home import Home, find_home, write_json
from schemas.database import database_url, transaction


class Story:
    """One run of the demonstration, step by step; `seconds` keeps what each took."""

    def __init__(self, console: Console, scale: Scale) -> None:
        self.console, self.scale = console, scale
        self.home: Home = find_home()
        self.folder: Path = self.home.var / "demo"
        self.seconds: dict[str, float] = {}

    def tell(self) -> Outcome:
        """Tell it all and return how it went. Raises the first failure that leaves nothing to go on with."""
        begun = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.home.prepare()
        services.prepare(self.home)
        with ThreadPoolExecutor(1) as beside:  # services mostly wait for each other while they start
            generated = beside.submit(prepare, self.folder, self.scale)
            with self._step("services", "Start PostgreSQL, Airflow and the exchange API 启动服务", quiet=False):
                self._start()
            with self._step("city", "Generate the city's departments 生成演示城市"):
                sources = generated.result()
        with self._step("sources", "Open the departments' systems 打开各部门系统"):
            self._connect_sources(sources)
        with self._step("directory", "Publish the directory 发布信息资源目录"):
            self._publish()
            passwords = self._accounts()
        with self._step("collect", "Collect in Airflow 归集", quiet=False):
            runs = self._collect()
        with self._step("compare", "Hold the result against the answer key 对照答案"), transaction("reader") as session:
            dirt = compare(session, sources.answer_key, sources.truth)
        with self._step("exchange", "From demand to signed answer 从需求到签名应答"):
            told = exchange_story.tell(self.folder)
        self.seconds["total"] = round(time.monotonic() - begun, 1)
        outcome = Outcome(runs, dirt, told, self.seconds, passwords)
        write_report(self.folder, outcome)
        return outcome

    def _start(self) -> None:
        from hutong.commands.services import up

        up()
        connect(self.home)

    def _connect_sources(self, sources: Sources) -> None:
        kept = services.prepare(self.home)
        services.ensure(self.home)
        rows = sources.of("public_security") / "resident.parquet"
        edition = (sources.folder / "city.json").read_text("utf-8")
        police = police_database.fill(database_url(), rows, services.police_password(self.home), edition)
        path = Path(os.environ.get("HUTONG_CONNECTIONS_FILE") or self.home.var / "connections.json")
        write_connections(path, sources, police, kept)

    def _publish(self) -> None:
        with transaction() as session:
            for resource in import_folder(session, Path(str(CITY))).drafts:
                directory.publish(session, resource)
            write_snapshot(session)

    def _accounts(self) -> dict[str, str]:
        path = self.folder / "accounts.json"
        with transaction() as session:
            passwords = accounts.ensure(session, path)
        write_json(path, passwords)
        return passwords

    def _collect(self) -> dict[str, str]:
        """Run every resource's DAG in the real scheduler, profiles before registers; return the final state per DAG."""
        client = AirflowClient()
        states: dict[str, str] = {}
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description:<36}"),
            BarColumn(24),
            TextColumn("{task.fields[state]}"),
        )
        with Progress(*columns, TimeElapsedColumn(), console=self.console) as progress:
            for wave in WAVES:
                bars = {dag: progress.add_task(dag, total=1, state="waiting") for dag in wave}

                def show(runs: list[Run], bars: dict[str, Any] = bars) -> None:
                    for run in runs:
                        progress.update(bars[run.dag_id], state=run.state, completed=int(run.has_ended))

                states |= client.run(wave, show, timeout=900)
        return states

    @contextmanager
    def _step(self, name: str, words: str, quiet: bool = True) -> Iterator[None]:
        begun = time.monotonic()
        if quiet:
            with self.console.status(words):
                yield
        else:
            self.console.print(f"… {words}")
            yield
        self.seconds[name] = round(time.monotonic() - begun, 1)
        self.console.print(f"[green]✓[/] {words} [dim]{self.seconds[name]} s[/]")
