"""A recall's notice is proof when the answer that brought it is gone: the SDK believes it only under the hub's detached signature."""

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from exchange_api.client import Hub as Client
from schemas.errors import Terminal
from schemas.tables.recall import RecallRecipient
from tests.exchange_api.recalling import HOUSING, Hub


@pytest.mark.parametrize("part", ["notice", "signature", "keyid"])
def test_a_notice_that_was_changed_is_not_believed(hub: Hub, part: str) -> None:
    client = Client(hub.site.url, hub.site.signer, hub.site.jwks)
    person = hub.site.people[33]
    batch = hub.wrong_batch([person])
    client.query("population", HOUSING, hub.site.purpose, [person])
    opened = hub.open(hub.retract(batch, [person], "name"))
    assert client.recall(opened.id).document["notice"]["recall"] == opened.id
    told = client.recall(opened.id).document["signed"]["text" if part == "notice" else part]
    other = {
        "notice": told.replace('"receipts_total":1', '"receipts_total":0'),
        "signature": f"{'B' if told[0] == 'A' else 'A'}{told[1:]}",
        "keyid": "x",
    }[part]
    assert other != told
    with Session(hub.site.engine) as session:
        session.execute(update(RecallRecipient).where(RecallRecipient.recall_id == opened.id).values({part: other}))
        session.commit()
    with pytest.raises(Terminal, match="not signed by the hub"):
        client.recall(opened.id)
    hub.follow()
