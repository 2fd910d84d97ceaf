"""Any resource draft at all: strategies for what goes out in one format and must come back the same."""

from datetime import date
from typing import Any

from hypothesis import strategies as st

from schemas.resource import ResourceDraft

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), include_characters="\n\t"), max_size=30)
NAME = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)
WORD = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)
IDENTIFIER = st.one_of(WORD, st.builds(lambda a, b: f"{a}.{b}", WORD, WORD))
CODE = st.from_regex(r"[123][0-9]{5}[0-9A-Za-z]{0,4}/[0-9A-Za-z]{1,8}", fullmatch=True)
NUMBER = st.one_of(st.none(), st.integers(-(10**6), 10**6).map(float), st.floats(allow_nan=False, allow_infinity=False))
ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**40), 2**40), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAME, inner, max_size=3)),
    max_leaves=5,
)
OPTIONS = st.dictionaries(NAME, ANY, max_size=3)


def items(ids: list[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.tuples(*(_item(one) for one in ids)).map(list)


def _item(item_id: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"id": st.just(item_id), "name": NAME},
        optional={
            "element": st.one_of(st.none(), IDENTIFIER),
            "type": st.sampled_from("CNYDTLMIFBG"),
            "length": st.one_of(st.none(), st.integers(1, 4000)),
            "required": st.booleans(),
            "code_table": st.sampled_from([None, "sex", "ethnic"]),
            "check": st.sampled_from([None, "citizen_id", "uscc"]),
            "pattern": st.one_of(st.none(), TEXT),
            "minimum": NUMBER,
            "maximum": NUMBER,
            "attribute": st.one_of(st.none(), IDENTIFIER),
            "normalise": st.lists(st.sampled_from(["trim", "nfc", "code:sex"]), max_size=2),
            "share_type": st.sampled_from([None, 1, 2, 3]),
            "sensitivity": st.sampled_from(["public", "internal", "personal", "sensitive"]),
            "synonyms": st.lists(TEXT, max_size=2),
        },
    )


def _source(ids: list[str]) -> st.SearchStrategy[Any]:
    one = st.sampled_from(ids)
    return st.fixed_dictionaries(
        {
            "connector": st.sampled_from(["database", "rest", "files"]),
            "connection": IDENTIFIER,
            "mapping": st.dictionaries(TEXT, one, max_size=4),
            "key": st.lists(one, min_size=1, max_size=3),
        },
        optional={
            "options": OPTIONS,
            "ignore": st.lists(TEXT, max_size=2),
            "watermark": st.one_of(st.none(), one),
            "mode": st.sampled_from(["snapshot", "incremental"]),
            "schedule": st.one_of(st.none(), TEXT),
        },
    )


def _check(ids: list[str]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {"id": IDENTIFIER, "kind": st.sampled_from(["not_after", "one_of", "volume"]), "items": st.lists(st.sampled_from(ids), max_size=2)},
        optional={
            "indicator": st.sampled_from(["normativity", "completeness", "accuracy", "consistency", "timeliness", "accessibility"]),
            "scope": st.sampled_from(["row", "batch", "library"]),
            "options": OPTIONS,
        },
    )  # fmt: skip


HEAD = st.fixed_dictionaries(
    {"id": IDENTIFIER, "name": NAME, "department": IDENTIFIER},
    optional={
        "inner_department": st.one_of(st.none(), TEXT),
        "code": st.one_of(st.none(), CODE),
        "more_codes": st.lists(CODE, max_size=2),
        "category": st.one_of(st.none(), TEXT),
        "abstract": st.one_of(st.none(), TEXT),
        "keywords": st.lists(TEXT, max_size=3),
        "format": st.one_of(st.none(), st.fixed_dictionaries({"category": st.sampled_from("1234567"), "type": TEXT}, optional={"note": TEXT})),
        "sharing": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {"type": st.sampled_from([2, 3]), "condition": NAME},
                optional={"uses": st.lists(st.sampled_from(["行政依据", "数据校核"]), max_size=2), "mode": st.sampled_from(["数据库", "邮件"])},
            ),
            st.fixed_dictionaries({"type": st.just(1)}, optional={"condition": st.one_of(st.none(), TEXT)}),
        ),
        "is_open": st.booleans(),
        "open_condition": st.one_of(st.none(), TEXT),
        "open_theme": st.one_of(st.none(), TEXT),
        "update_cycle": st.one_of(st.none(), st.integers(1, 8)),
        "publish_date": st.one_of(st.none(), st.dates(min_value=date(1900, 1, 1))),
        "related_codes": st.lists(TEXT, max_size=2),
        "duty": st.one_of(st.none(), TEXT),
        "service_items": st.lists(TEXT, max_size=2),
        "system": st.one_of(st.none(), TEXT),
        "grade": st.sampled_from([None, "1", "4"]),
        "assessment": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {"secrecy": st.just("none"), "holds_personal_information": st.booleans(), "assessed_on": st.dates(), "assessed_by": NAME},
                optional={"conclusion": TEXT},
            ),
        ),
        "survey": st.one_of(st.none(), st.fixed_dictionaries({}, optional={"stored_gb": st.floats(0, 1e9)})),
        "library": st.sampled_from([None, "population", "credit"]),
        "quality": st.fixed_dictionaries({}, optional={"reject_above": st.floats(0, 1), "volume_drop": st.floats(0, 1)}),
    },
)  # fmt: skip


@st.composite
def drafts(draw: st.DrawFn) -> ResourceDraft:
    """Any draft that the directory could hold."""
    body: dict[str, Any] = draw(HEAD)
    ids = draw(st.lists(IDENTIFIER, max_size=4, unique=True))
    body["items"] = draw(items(ids))
    if ids:
        body["source"] = draw(st.one_of(st.none(), _source(ids)))
        body["checks"] = draw(st.lists(_check(ids), max_size=2))
    return ResourceDraft.model_validate(body)
