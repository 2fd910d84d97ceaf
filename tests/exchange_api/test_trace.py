"""One traceable chain: from any id everything it came from and everything it led to, both ways, for whom it concerns and for nobody else."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, text
from sqlalchemy.orm import Session

from exchange_api.evidence.keyring import ensure_active_key
from exchange_api.evidence.paths import note_paths
from exchange_api.keys import jwks
from exchange_api.signing import SoftwareSigner
from exchange_api.tracing import trace
from exchange_api.tracing.trace import Trace, Wish
from exchange_api.tracing.viewers import EVERYTHING, Viewer, of_officer
from schemas.errors import Denied, Invalid
from schemas.migrations import upgrade
from tests.desks.conftest import BUREAU, HOUSING, POLICE, actor
from tests.exchange_api.conftest import COMPANY, PEOPLE, Exchange
from tests.exchange_api.tracing_story import APPLICATION, RESOURCE, SITE, Story, site_of, tell


@pytest.fixture(scope="module")
def story(new_database: Callable[[], URL], serve: SITE, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    url, folder = new_database(), tmp_path_factory.mktemp("trace")
    upgrade(url)
    engine = create_engine(url)
    signers = SoftwareSigner.generate("ed25519"), SoftwareSigner.generate("ed25519")
    told = tell(engine, signers)
    with Session(engine) as session:
        ensure_active_key(session, folder / "keys")
        session.commit()
        published = jwks(session)
    environment = site_of(url, folder)
    with serve(environment, folder / "server.log") as authority:
        site = Exchange(
            f"http://{authority}", authority, engine, published, *signers, folder / "server.log", environment
        )
        yield Story(site, folder / "keys", **told)
    engine.dispose()


@pytest.fixture(scope="module")
def receipt(story: Story) -> str:
    found = story.ask()
    story.into_the_log()
    return found


@pytest.fixture
def session(story: Story) -> Iterator[Session]:
    with Session(story.site.engine) as opened:
        yield opened


def chain(story: Story, receipt: str) -> list[str]:
    """Every node of the chain of domain.md, from the service item to the receipt."""
    return [
        "service_item:gzf", f"demand:{story.demand}", f"match:{story.match}", f"supply_task:{story.task}", f"grant:{story.grant}",
        f"version:{story.version}", f"batch:{story.batch}", f"quality:{story.batch}", f"records:{receipt}", f"answer:{receipt}",
        f"receipt:{receipt}",
    ]  # fmt: skip


@pytest.mark.parametrize("place", range(11))
def test_from_every_link_every_other_link_is_reached(story: Story, receipt: str, session: Session, place: int) -> None:
    links = chain(story, receipt)
    found = trace.of(session, links[place], EVERYTHING)
    assert set(links) <= set(found.nodes)
    assert set(pairwise(links)) <= set(found.edges)


@pytest.mark.parametrize("start", ["demand", "task", "grant", "version", "batch"])
def test_a_bare_id_is_enough_to_reach_the_receipt(story: Story, receipt: str, session: Session, start: str) -> None:
    assert f"receipt:{receipt}" in trace.of(session, getattr(story, start), EVERYTHING).nodes


def test_from_a_receipt_up_leads_to_the_demand_and_never_down_again(
    story: Story, receipt: str, session: Session
) -> None:
    found = trace.of(session, receipt, EVERYTHING, Wish(is_down=False))
    assert set(chain(story, receipt)) <= set(found.nodes)
    assert [ref for ref in found.nodes if ref.startswith("receipt:")] == [f"receipt:{receipt}"]


def test_no_subject_and_no_value_stands_in_any_node(receipt: str, session: Session) -> None:
    words = repr(trace.of(session, receipt, EVERYTHING))
    assert not any(person in words for person in PEOPLE)
    assert "幸福路" not in words
    assert "BJ-2026-0007" not in words


def test_a_resource_shows_its_versions_batches_and_receipts_and_the_grants_on_it(
    story: Story, receipt: str, session: Session
) -> None:
    found = trace.of(session, RESOURCE, EVERYTHING)
    assert {f"version:{story.version}", f"receipt:{receipt}", f"grant:{story.grant}", f"demand:{story.demand}"} <= set(
        found.nodes
    )


def test_a_thousandfold_list_is_bounded_counted_and_goes_on(story: Story, receipt: str, session: Session) -> None:
    story.many_answers(10_000)
    story.into_the_log()
    found = trace.of(session, story.batch, EVERYTHING)
    assert len(found.nodes) < 100
    (rest,) = [one for one in found.more if one.kind == "records"]
    shown = [ref for ref in found.nodes if ref.startswith("records:")]
    with_all = rest.count + len(shown)
    assert with_all > 10_000
    page = trace.of(session, rest.node, EVERYTHING, Wish(after=rest.after))
    later = [ref for ref in page.nodes if ref.startswith("records:")]
    assert len(later) == trace.PAGE
    assert not set(later) & set(shown)
    assert page.more[0].count == with_all - len(shown) - len(later)
    del receipt


def test_what_the_log_has_not_taken_in_yet_is_said(story: Story, session: Session) -> None:
    before = trace.of(session, story.batch, EVERYTHING).behind
    fresh = story.ask()
    found = trace.of(session, fresh, EVERYTHING)
    assert (before, found.behind) == (0, 1)
    assert f"demand:{story.demand}" in found.nodes
    assert found.nodes[f"receipt:{fresh}"].state == "waiting"
    story.into_the_log()


# --- who may see what ----------------------------------------------------------------------------------------------


def test_an_application_walks_the_chain_of_its_own_receipt(story: Story, receipt: str) -> None:
    status, answer = story.trace(receipt)
    assert status == 200
    assert set(chain(story, receipt)) <= {node["ref"] for node in answer["nodes"]}


@pytest.mark.parametrize("place", range(11))
def test_to_another_application_every_link_is_as_unknown_as_none(story: Story, receipt: str, place: int) -> None:
    status, answer = story.trace(chain(story, receipt)[place], signer=story.site.other_signer)
    assert (status, answer["code"]) == (404, "trace.unknown")


def test_another_department_sees_nothing_and_those_concerned_do(story: Story, receipt: str, session: Session) -> None:
    stranger = of_officer(session, actor("qian", "market_regulation", "demander"))
    for link in chain(story, receipt):
        with pytest.raises(Denied, match=r"trace\.unknown"):
            trace.of(session, link, stranger)
    for officer in (HOUSING, POLICE, BUREAU):
        seen = trace.of(session, receipt, of_officer(session, officer)).nodes
        assert {f"grant:{story.grant}", f"receipt:{receipt}"} <= set(seen)


def test_a_provider_sees_the_receipts_of_its_batch_but_no_stranger_is_counted_for_it(
    story: Story, receipt: str, session: Session
) -> None:
    quality = f"quality:{story.batch}"
    own, none = trace.of(session, quality, of_officer(session, POLICE)), Viewer(departments=("housing",))
    assert any(ref.startswith("receipt:") for ref in own.nodes)
    assert own.more[0].count > 0
    with pytest.raises(Denied, match=r"trace\.unknown"):
        trace.of(session, quality, none)
    del receipt


def test_a_trace_is_signed_and_leaves_evidence_like_every_answer(story: Story, receipt: str) -> None:
    request, response = story.site.ask(None, f"/v1/trace/{receipt}", method="GET")
    entry = story.site.check(request, response)
    assert (entry.kind, entry.application_id) == ("answer", APPLICATION)


# --- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", [PEOPLE[0], COMPANY, COMPANY.lower(), f"batch:{COMPANY}"])
def test_who_traces_a_person_is_refused_without_echo_and_without_a_trace_of_it(story: Story, person: str) -> None:
    request, response = story.site.ask(None, f"/v1/trace/{person}", method="GET")
    assert (response.status, b"url.personal" in response.body) == (400, True)
    assert person.encode() not in response.body
    entry = story.site.entry(response.headers["x-receipt"])
    assert person.encode() not in entry.document
    del request


@pytest.mark.parametrize(
    "words",
    [
        "XQ-2026-999999",
        "QQ-2026-000001",
        "no.such",
        "match:1'; --",
        "receipt:x",
        "match:99999999999999999999",
        "a" * 300,
        "",
        ":",
        "batch:",
    ],
)
def test_what_nobody_knows_is_unknown(session: Session, words: str) -> None:
    with pytest.raises(Denied, match=r"trace\.unknown"):
        trace.of(session, words, EVERYTHING)


def test_an_id_of_two_things_asks_which(session: Session) -> None:
    from exchange_api import applications

    applications.register(session, "gzf", "同名系统", "housing")
    with pytest.raises(Invalid, match=r"trace\.ambiguous") as asked:
        trace.of(session, "gzf", EVERYTHING)
    assert asked.value.facts["candidates"] == "service_item:gzf, application:gzf"
    assert trace.of(session, "service_item:gzf", EVERYTHING).start == "service_item:gzf"


@pytest.mark.parametrize(
    "after", ["x", "down/records/0//nonsense", "down/grant/0//x", "up/records/0//x", "down/records/1"]
)
def test_a_list_goes_on_only_where_it_was_left(story: Story, session: Session, after: str) -> None:
    with pytest.raises(Invalid, match=r"trace\.page_unknown"):
        trace.of(session, f"quality:{story.batch}", EVERYTHING, Wish(after=after))


def test_a_walk_of_one_step_stops_there(story: Story, session: Session) -> None:
    found: Trace = trace.of(session, story.demand, EVERYTHING, Wish(depth=1))
    kinds: set[Any] = {node.kind for node in found.nodes.values()}
    assert kinds == {"service_item", "demand", "match"}


def test_paths_are_noted_however_long_the_log_is(story: Story, session: Session) -> None:
    """The place in the log is a long number from the first page of it on: 32,767 is no end."""
    story.into_the_log()
    session.execute(text("UPDATE evidence.path_mark SET size = 32760"))
    session.execute(
        text(
            "INSERT INTO evidence.leaves SELECT 32759 + row_number() OVER (), uuidv7(), '' FROM generate_series(1, 20)"
        )
    )
    assert note_paths(session) == 20
    assert note_paths(session) == 0
