"""`hutong up | down | status | logs | reset` on real processes: what an operator relies on when something dies."""

import os
import pwd
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from hutong.embedded.home import read_json, write_json
from tests.connectors.servers import free_port
from tests.hutong.installation import BARE, Installation, wait_until

Make = Callable[..., Installation]
NOBODY_ELSE = 0o077


def test_data_survives_down_and_up(stopped: Installation) -> None:
    said = stopped.up().stdout
    port = read_json(stopped.home.var / "ports.json")["postgres"]
    assert f"127.0.0.1:{port}/hutong" in said
    with stopped.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert stopped.run("status").returncode == 0
    assert "Stopped" in stopped.run("down").stdout
    assert stopped.is_quiet
    assert stopped.run("status").returncode == 1
    stopped.up()
    assert read_json(stopped.home.var / "ports.json")["postgres"] == port
    with stopped.connect() as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_what_is_so_already_stays_so_and_reset_deletes_everything(installation: Installation) -> None:
    assert "Nothing was running" in installation.run("down").stdout
    installation.up()
    before = installation.process("postgres").pid
    assert "Already running" in installation.up().stdout
    assert installation.process("postgres").pid == before
    refused = installation.run("logs", "nonsense")
    assert refused.returncode == 1
    assert "postgres" in refused.stderr, "the logs there are"
    assert installation.run("reset", "--yes").returncode == 0
    assert not installation.home.var.exists()


def test_the_server_wants_its_password_and_secrets_are_for_their_owner_only(running: Installation) -> None:
    with running.connect() as connection:
        address = connection.info
        host, port = address.host, address.port
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=host, port=port, user="hutong", dbname="hutong")
    for file in (
        *running.home.state.iterdir(),
        *running.home.log.glob("postgres*"),
        *running.home.run.glob("*.json"),
    ):
        assert file.stat().st_mode & NOBODY_ELSE == 0, file


def test_a_crash_of_the_server_stops_everything_and_names_the_culprit(running: Installation) -> None:
    with running.connect() as connection:
        connection.execute("CREATE TABLE kept_in_a_crash AS SELECT 43 AS answer")
    supervisor = psutil.Process(read_json(running.home.run / "supervisor.json")["pid"])
    running.process("postgres").kill()
    supervisor.wait(90)
    assert running.is_quiet
    said = running.run("status").stdout
    assert "SIGKILL" in said
    assert "postgres.log" in said
    running.up()
    with running.connect() as connection:
        assert connection.execute("SELECT answer FROM kept_in_a_crash").fetchone() == (43,)


@pytest.mark.parametrize("command", ["up", "down"])
def test_what_a_killed_supervisor_leaves_is_found_and_ended(running: Installation, command: str) -> None:
    left = running.process("postgres")
    psutil.Process(read_json(running.home.run / "supervisor.json")["pid"]).kill()
    wait_until(lambda: "gone" in running.run("status").stdout)
    assert left.is_running()
    if command == "up":
        running.up()
        with running.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    else:
        assert "postgres" in running.run("down").stdout
        assert running.is_quiet
    assert not left.is_running()


def test_a_stranger_with_a_remembered_number_is_left_alone(installation: Installation) -> None:
    installation.home.prepare()
    stranger = subprocess.Popen(["sleep", "300"])
    try:
        identity = {
            "pid": stranger.pid,
            "started": psutil.Process(stranger.pid).create_time() - 100,
            "signal": signal.SIGTERM,
        }
        write_json(installation.home.run / "children.json", {"postgres": identity})
        write_json(installation.home.run / "supervisor.json", identity)
        assert "Nothing was running" in installation.run("down").stdout
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_lock_file_with_a_strangers_number_does_not_stop_the_server(running: Installation) -> None:
    data = Path(read_json(running.home.state / "postgres.json")["data"])
    assert running.run("down").returncode == 0
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n0\n5432\n\n127.0.0.1\n\n")
    running.up()
    with running.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_two_installations_side_by_side_do_not_meet(running: Installation, new_installation: Make) -> None:
    first, second = running, new_installation()
    second.up()
    ports = [read_json(i.home.var / "ports.json")["postgres"] for i in (first, second)]
    assert ports[0] != ports[1]
    with first.connect() as connection:
        connection.execute("CREATE TABLE only_here (x int)")
    with second.connect() as connection:
        assert connection.execute("SELECT to_regclass('only_here')").fetchone() == (None,)
    first.run("down")
    with second.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_fixed_port_is_used_and_a_taken_one_refused_by_name(stopped: Installation) -> None:
    with socket.socket() as taken:
        port = str(free_port())
        taken.bind(("127.0.0.1", int(port)))
        taken.listen()
        refused = stopped.run("up", *BARE, HUTONG_POSTGRES_PORT=port)
        assert refused.returncode == 1
        assert f"{port}" in refused.stderr
        assert "HUTONG_POSTGRES_PORT" in refused.stderr
        assert "Traceback" not in refused.stderr
    stopped.up(HUTONG_POSTGRES_PORT=port)
    with stopped.connect() as connection:
        assert connection.info.port == int(port)


def test_ctrl_c_stops_everything_in_the_foreground(stopped: Installation) -> None:
    process = stopped.start("up", "--foreground", *BARE)
    wait_until(lambda: stopped.is_running)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert stopped.is_quiet
    assert stopped.status["state"] == "stopped"


def test_an_external_server_is_used_as_it_is(running: Installation, new_installation: Make) -> None:
    server, hub = running, new_installation()
    with server.connect() as connection:
        connection.execute("CREATE DATABASE bureau")
    url = read_json(server.home.state / "environment.json")["HUTONG_DATABASE_URL"].removesuffix("hutong") + "bureau"
    said = hub.up(HUTONG_DATABASE_URL=url)
    assert "postgres" not in hub.status["services"]
    assert "Stop with" in said.stdout
    assert not (hub.home.var / "postgres").exists()
    assert read_json(hub.home.state / "environment.json")["HUTONG_DATABASE_URL"] == url


def test_an_external_server_that_is_down_is_named(installation: Installation) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]  # bound and not listening: nobody else gets it meanwhile
        refused = installation.run("up", *BARE, HUTONG_DATABASE_URL=f"postgresql+psycopg://u:p@127.0.0.1:{port}/hub")
    assert refused.returncode == 1
    assert "databases" in refused.stderr
    assert f"127.0.0.1:{port}" in installation.run("logs", "databases").stdout
    assert installation.is_quiet


@pytest.mark.skipif(os.geteuid() != 0, reason="only root meets a closed folder: run the tests as root to include it")
def test_root_in_a_closed_folder_keeps_its_folder_closed(new_installation: Make) -> None:
    installation = new_installation(mode=0o700)
    installation.up()
    with installation.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    data = Path(read_json(installation.home.state / "postgres.json")["data"])
    assert installation.home.root not in data.parents
    assert installation.home.root.stat().st_mode & 0o777 == 0o700
    installation.run("reset", "--yes")
    assert not data.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="run the tests as root too: they then start one as an ordinary user")
def test_an_ordinary_user_needs_no_rights(installation: Installation) -> None:
    account = pwd.getpwnam("nobody")
    os.chown(installation.home.root, account.pw_uid, account.pw_gid)
    # may read everywhere, because the interpreter may lie below /root; may write nowhere but in its own folder
    drop = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    read = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    command = [*drop, *read, *installation.command("up", *BARE)]
    variables = installation.variables({"HOME": str(installation.home.root)})
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert installation.process("postgres").username() == account.pw_name
