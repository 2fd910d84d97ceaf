"""A body is read strictly: what any writer of JSON writes is taken, what names a member twice is not, however it is spelled."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exchange_api.strict_json import require_strict
from schemas.errors import Invalid

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(_JSON, st.booleans())
@settings(deadline=None)
def test_whatever_a_writer_writes_is_taken(value: Any, is_ascii: bool) -> None:
    try:
        body = json.dumps(value, ensure_ascii=is_ascii).encode()
    except UnicodeEncodeError:  # half a character, which no UTF-8 holds
        return
    require_strict(body)


@given(st.dictionaries(st.text(max_size=4), _JSON, min_size=1, max_size=4), st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_member_repeated_is_found(members: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(members)))
    written = [f"{json.dumps(key)}:{json.dumps(value)}" for key, value in members.items()]
    spelled = "".join(f"\\u{ord(one):04x}" if ord(one) < 0x10000 else json.dumps(one)[1:-1] for one in name)
    key = data.draw(st.sampled_from([json.dumps(name), f'"{spelled}"']))
    written.insert(data.draw(st.integers(0, len(written))), f"{key}:{json.dumps(data.draw(_JSON))}")
    with pytest.raises(Invalid) as refused:
        require_strict(f"[{{{','.join(written)}}}]".encode())
    assert refused.value.code == "request.duplicate"
