"""Ports of services: found where no connection is given one, remembered while they are free, fixed ones used or refused."""

import socket
from pathlib import Path

import pytest

from hutong.embedded.home import Home
from hutong.embedded.ports import FOUND, choose_ports
from schemas.errors import Terminal

SERVICES: dict[str, int | None] = {"postgres": None, "airflow": None, "api": None}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.prepare()
    return made


def test_ports_are_found_below_those_a_connection_is_given_and_found_again(home: Home) -> None:
    chosen = choose_ports(home, SERVICES)
    assert len(set(chosen.values())) == len(SERVICES)
    assert set(chosen.values()) <= set(FOUND)
    assert choose_ports(home, SERVICES) == chosen


def test_a_remembered_port_that_is_taken_gives_way_to_another(home: Home) -> None:
    chosen = choose_ports(home, SERVICES)
    with socket.create_server(("127.0.0.1", chosen["api"])):
        again = choose_ports(home, SERVICES)
        with pytest.raises(Terminal, match=r"embedded\.port_taken"):
            choose_ports(home, SERVICES | {"api": chosen["api"]})
    assert again["api"] not in chosen.values()
    assert again | {"api": chosen["api"]} == chosen
