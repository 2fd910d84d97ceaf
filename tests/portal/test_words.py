"""Nothing that a desk may say reaches an officer as a bare key, and nothing reaches an English reader in Chinese only."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from exchange_api import officers, states
from exchange_api.evidence import receipt_checks
from exchange_api.matching import Candidate, Wanted, find_matches
from exchange_api.portal import language, words
from schemas.library import LIBRARIES, library
from schemas.tables.directory import VERSION_STATES
from schemas.tables.exchange import DECISIONS, DEMAND_STATES, FORMS, GRANT_STATES
from schemas.tables.grant_life import QUOTA_STATES

PORTAL = Path(language.__file__).parent
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}}
KEYWORDS = {"_": None, "N_": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}


def _written() -> set[tuple[str | None, str]]:
    found = extract_from_dir(PORTAL, METHODS, OPTIONS, KEYWORDS)
    return {(context, text if isinstance(text, str) else text[0]) for _, _, text, _, context in found}


def test_every_text_has_its_english_word_and_no_word_is_left_over() -> None:
    with (PORTAL / "i18n" / "en" / "LC_MESSAGES" / "portal.po").open("rb") as file:
        catalogue = read_po(file)
    known = {(one.context, one.id if isinstance(one.id, str) else one.id[0]): one.string for one in catalogue if one.id}
    written = _written()
    assert len(written) > 200
    assert written - set(known) == set(), "add these to portal.po"
    assert set(known) - written == set(), "nobody says these any more"
    for (_, text), english in known.items():
        assert english, text
        for one in (english,) if isinstance(english, str) else english:
            assert one, text
            assert sorted(re.findall(r"%\(\w+\)s", text)) == sorted(re.findall(r"%\(\w+\)s", one)), text


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        ("state", DEMAND_STATES),
        ("state_tone", DEMAND_STATES),
        ("grant_state", GRANT_STATES),
        (
            "action",
            [*states.DEMAND.ways, "register", "revise", "open_task", "answer_task", "suspend_grant", "narrow_grant"],
        ),
        ("decision", DECISIONS),
        ("form", FORMS),
        ("role", officers.ROLES),
        ("library", LIBRARIES),
        ("mask", {attribute.mask for name in LIBRARIES for attribute in library(name).attributes}),
        ("check", ["format", *(name for name, _ in receipt_checks.STEPS)]),
        ("notice", [f"demand.{state}" for state in DEMAND_STATES if state != "draft"]),
        ("notice", [f"version.{key}" for key in ("returned", "affected", "acknowledged", "due_yellow", "due_red")]),
        ("notice", [f"version.{state}" for state in VERSION_STATES if state not in ("draft", "superseded")]),
        ("notice", ["grant.base_lost", "task.opened"]),
        ("notice", [f"grant.{state}" for state in GRANT_STATES if state != "draft"]),
        (
            "notice",
            [f"grant.{key}" for key in ("widened", "suspended", "resumed", "unused", "certify_due", "recertified")],
        ),
        ("notice", [f"grant.{key}" for key in ("renewal_asked", "prolonged", "use_finding")]),
        ("notice", [f"grant.quota_{key}" for key in QUOTA_STATES]),
        ("action", ["tell", "drop", "take", "decline", "attach", "detach"]),
        ("notice", [f"information.{key}" for key in ("asked", "told", "dropped")] + ["offer.taken", "offer.declined"]),
        ("version_state", VERSION_STATES),
    ],
)
def test_every_key_of_the_desks_has_a_word(table: str, keys: list[str]) -> None:
    others: dict[str, Collection[str]] = {"state_tone": words.STATE_TONE, "check": words.CHECK, "notice": words.NOTICE}
    assert set(keys) - set(others.get(table) or words.TABLES[table]) == set()


def test_every_reason_of_a_match_is_said_in_words() -> None:
    def offered(name: str, **more: Any) -> Candidate:
        known: dict[str, Any] = {
            "version_id": name,
            "resource_id": "r.r",
            "resource_name": "婚姻登记信息",
            "department_id": "d",
            "department_name": "民政局",
        }
        return Candidate(
            **known, item_id="i", item_name=name, sharing_type=2, context="婚姻 登记 信息", rank_in_authority=0, **more
        )

    directory = [
        offered("婚姻状况", library="population", attribute="marital_status"),
        offered("姓名", element_name="公民姓名"),
        offered("性别", synonyms=("男女",)),
        offered("工作单位名称"),
    ]
    wanted = [Wanted(name) for name in ("婚姻状况", "公民姓名", "男女", "本人的姓名信息", "单位名称")]
    reasons = [
        reason
        for ranked in find_matches(wanted, directory, context="婚姻登记")
        for one in ranked
        for reason in one.reasons
    ]
    said = {reason.key for reason in reasons}
    assert said >= {"same_name", "same_element", "synonym", "same_core", "similar_name", "fits_purpose", "lead_source"}
    for reason in reasons:
        assert words.REASON[reason.key] % {**reason.facts}
