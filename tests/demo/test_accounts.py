"""Who ran the demonstration is told where the portal is and gets an account of every role, good at once; a second run tells the same passwords."""

import io
from pathlib import Path

from rich.console import Console
from sqlalchemy.orm import Session

from catalog.folder import import_folder
from exchange_api import officers
from hutong.demo import accounts, report
from hutong.demo.city_data import CITY
from hutong.embedded.home import write_json
from schemas.tables.operations import Officer


def test_there_is_an_account_of_every_role_good_at_once(session: Session, tmp_path: Path) -> None:
    import_folder(session, Path(str(CITY)))
    path = tmp_path / "accounts.json"
    passwords = accounts.ensure(session, path)
    assert {role for *_, roles in accounts.OFFICERS.values() for role in roles} == set(officers.ROLES)
    assert len(set(passwords.values())) == len(accounts.OFFICERS)
    assert all(session.get_one(Officer, login).is_eased for login in passwords)
    write_json(path, passwords)
    assert accounts.ensure(session, path) == passwords


def test_each_account_is_told_with_its_role_beside_the_portals_address() -> None:
    said = io.StringIO()
    passwords = {login: f"[b]{login}-secret" for login in accounts.OFFICERS}
    report._print_accounts(Console(file=said, width=120), "http://127.0.0.1:8080/", passwords)
    lines = said.getvalue().splitlines()
    assert any("http://127.0.0.1:8080/portal/help" in line for line in lines)
    for login, (name, _, roles) in accounts.OFFICERS.items():
        (line,) = [line for line in lines if passwords[login] in line]
        assert name in line
        assert all(role in line for role in roles)
