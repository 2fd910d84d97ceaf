"""The conformance kit finds nothing wrong with the real exchange, and names what is wrong with one that is broken on purpose."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from exchange_api.conformance.kit import Report, examine, rules
from exchange_api.conformance.probe import Given
from exchange_api.sandbox import city
from hutong.cli import app
from schemas.errors import HutongError
from tests.exchange_api.broken import Broken, broken_exchange
from tests.exchange_api.faults import FAULTS
from tests.exchange_api.tried import PURPOSE, Testing
from tests.hutong.installation import wait_until

ROOT = Path(__file__).resolve().parents[2]
MASKED = "SQ-2026-000002"


@pytest.fixture(scope="module")
def broken(exchange_site: Any, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    """A real exchange, its sequencer, and before it a proxy that can break each answer; without a fault chosen it breaks nothing."""
    environment = exchange_site.environment | {"HUTONG_SEQUENCER_INTERVAL_S": "0.05"}
    sequencer = subprocess.Popen(
        [sys.executable, "-m", "hutong", "sequencer"], env=os.environ | environment, cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_until(lambda: _waiting(exchange_site) == 0)
        with broken_exchange(exchange_site, serve, tmp_path_factory.mktemp("broken") / "log") as proxy:
            yield proxy
    finally:
        sequencer.terminate()
        sequencer.wait(60)


def _waiting(site: Any) -> int:
    """How many entries the log has not taken in yet."""
    with site.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM evidence.pending")).scalar())


def _given(site: Any, broken: Broken, **more: Any) -> Given:
    plain = {"signer": site.signer, "grant": MASKED, "purpose": site.purpose, "subjects": tuple(site.people[1:3])}
    return Given(broken.url, **{**plain, "jwks": site.jwks, "patience_s": 20.0, **more})


def _facts(report: Report) -> dict[str, str]:
    return {finding.rule.id: finding.fact for finding in report.broken}


def test_the_real_exchange_conforms(exchange_site: Any, broken: Broken) -> None:
    report = examine(_given(exchange_site, broken))
    assert _facts(report) == {}
    assert [finding.rule.id for finding in report.findings if finding.state != "held"] == []


def test_from_outside_it_checks_what_anybody_can_see(broken: Broken) -> None:
    report = examine(Given(broken.url))
    assert _facts(report) == {}
    unchecked = {finding.rule.id for finding in report.findings if finding.state == "unchecked"}
    assert unchecked == {rule.id for rule in rules() if rule.needs != "nothing"} | {"evidence.retired_keys"}


def test_the_sandbox_conforms_as_production_does(exchange_site: Any, broken: Broken) -> None:
    tried = Testing(exchange_site, "housing.conformance")
    more = {"signer": tried.signer, "grant": tried.grants["masked"], "purpose": PURPOSE}
    report = examine(_given(exchange_site, broken, subjects=city.subjects("population")[:2], **more))
    assert [finding for finding in report.findings if finding.state != "held"] == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_is_found_and_named(exchange_site: Any, broken: Broken, fault: Any) -> None:
    more = {"patience_s": 0.5} if fault.name == "stale_checkpoint" else {}  # what never comes is not waited for long
    with broken.having(fault):
        facts = _facts(examine(_given(exchange_site, broken, **more)))
    assert fault.rule in facts, facts
    assert fault.word in facts[fault.rule]


def test_rules_have_numbers_and_words_in_both_languages() -> None:
    assert len({rule.id for rule in rules()}) == len(rules()) >= 40
    assert all(any("一" <= one <= "鿿" for one in rule.zh) and rule.en.isascii() for rule in rules())


def test_the_page_lists_every_rule_by_its_number() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text("utf-8")
    wanted = [f"| {number} | `{rule.id}` | {rule.zh} | {rule.en} |" for number, rule in enumerate(rules(), 1)]
    assert [line for line in wanted if line not in page] == []


def test_the_command_says_it_and_ends_with_its_exit_code(exchange_site: Any, broken: Broken, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(exchange_site.signer.pem())
    (tmp_path / "subjects").write_text("\n".join(exchange_site.people[1:3]), "utf-8")
    words = ["conformance", broken.url, "--key", str(tmp_path / "key.pem"), "--grant", MASKED]
    words += ["--service-item", exchange_site.purpose["service_item"], "--subject-file", str(tmp_path / "subjects")]
    good = CliRunner().invoke(app, words)
    assert (good.exit_code, "符合协议 conforms" in good.output) == (0, True), good.output
    with broken.having(FAULTS[0]):
        bad = CliRunner().invoke(app, [*words, "--json"])
    told = json.loads(bad.output)
    assert (bad.exit_code, told["conforms"]) == (1, False)
    (named,) = [rule for rule in told["rules"] if rule["rule"] == FAULTS[0].rule]
    assert named["state"] == "broken"
    assert not any(person in good.output + bad.output for person in exchange_site.people)


def test_a_deployment_that_is_not_there_is_said_by_name() -> None:
    with pytest.raises(HutongError) as refused:
        examine(Given("http://127.0.0.1:9"))
    assert refused.value.code == "client.unreachable"
