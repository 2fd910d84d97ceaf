"""Which key followed which is found from either, over any number of changes; records stay as their sources key them."""

from typing import Any

import pytest
from typer.testing import CliRunner

from hutong.commands.record import app
from libraries import identities
from libraries.identities import Change
from libraries.record import explain
from schemas.database import transaction
from schemas.errors import HutongError
from schemas.grounds import Grounds
from schemas.identifiers import organisation_code_check_digit, uscc_check_digit

MR = "market_regulation.firm"
SAID = Grounds("变更登记通知书", "李登记")


@pytest.fixture
def firms(hub: Any) -> Any:
    hub.run("TRUNCATE library.identity_links")
    hub.resource(MR, of="legal_entity")
    hub.merge(MR, [{"subject": key, "name": f"{key}公司"} for key in "abcd"])
    return hub


def link(former: str, new: str, kind: str = "changed") -> int:
    with transaction("ingest") as session:
        return identities.link(session, Change("legal_entity", former, new, kind), SAID).id


def unlink(number: int) -> None:
    with transaction("ingest") as session:
        identities.unlink(session, number, Grounds("登记有误", "李登记"))


def followed(key: str) -> tuple[list[str], list[str]]:
    with transaction("reader") as session:
        found = identities.follow(session, "legal_entity", key)
        return [one.to_key for one in found.replaced_by], [one.from_key for one in found.replaces]


def refused(former: str, new: str, kind: str = "changed") -> str:
    with pytest.raises(HutongError) as error:
        link(former, new, kind)
    assert not {former, new} & {str(fact) for fact in error.value.facts.values()}
    return error.value.code


def test_a_chain_is_followed_both_ways(firms: Any) -> None:
    link("a", "b")
    link("b", "c", "merged")
    link("d", "c", "merged")
    assert followed("a") == (["b", "c"], [])
    assert followed("b") == (["c"], ["a"])
    assert followed("c") == ([], ["b", "d", "a"])
    assert firms.golden("legal_entity")["a"] == {"name": "a公司"}


def test_the_same_again_changes_nothing_and_a_withdrawn_one_may_be_made_again(firms: Any) -> None:
    one = link("a", "b")
    assert link("a", "b") == one
    unlink(one)
    unlink(one)
    assert followed("a") == ([], [])
    assert link("a", "b") != one
    kept = firms.rows(
        "SELECT withdrawn_by, withdrawn_reason FROM library.identity_links WHERE withdrawn_at IS NOT NULL"
    )
    assert kept == [{"withdrawn_by": "李登记", "withdrawn_reason": "登记有误"}]


def test_only_a_split_is_followed_by_several(firms: Any) -> None:  # noqa: ARG001
    link("a", "b", "split")
    link("a", "c", "split")
    assert followed("a") == (["b", "c"], [])
    assert refused("a", "d") == "identity.follows_already"
    link("b", "d")
    assert refused("b", "c") == "identity.follows_already"


def test_circles_and_nonsense_are_refused_by_name(firms: Any) -> None:  # noqa: ARG001
    link("a", "b")
    link("b", "c")
    assert refused("c", "a") == "identity.cycle"
    assert refused("b", "b") == "identity.same_key"
    assert refused("c", "nobody") == "identity.unknown_key"
    assert refused("c", "d", "eaten") == "identity.bad_kind"
    with pytest.raises(HutongError, match=r"identity\.unknown_link"):
        unlink(10**9)


def test_a_key_older_than_the_hub_may_be_linked_and_leads_to_the_new_one(firms: Any) -> None:  # noqa: ARG001
    organisation = "MA27X000" + organisation_code_check_digit("MA27X000")
    old = f"91330106{organisation}" + uscc_check_digit(f"91330106{organisation}")
    link(old, "a")
    with transaction("reader") as session:
        found = explain(session, "legal_entity", old)
        assert (found["records"], found["identity"]["replaced_by"][0]["key"]) == ([], "a")
        other = explain(session, "legal_entity", "a")
    assert (other["records"][0]["key"], other["identity"]["replaces"][0]["key"]) == ("a", old)
    shown = CliRunner().invoke(app, ["show", "legal_entity", old, "--lang", "en"], env={"COLUMNS": "160"})
    assert (shown.exit_code, "replaced by a (changed)" in shown.output) == (0, True)
