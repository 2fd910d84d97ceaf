"""Why: what docs/protocol.md says under "Evidence": an answer's receipt leads to an entry, the entry into a log that only grows, signed by keys that stay
published. Looked at with public means alone. Entered into `rules`; `kit` calls.
"""

import json
import uuid
from collections.abc import Iterable, Mapping

from exchange_api.conformance.asking import NOBODY
from exchange_api.conformance.probe import Failed, Probe, Seen, Unchecked
from exchange_api.conformance.rules import rule
from exchange_api.evidence.checkpoint import Checkpoint, verify_checkpoint
from exchange_api.evidence.merkle import Node, consistency_spans, span_nodes, span_root, verify_consistency
from exchange_api.evidence.receipt import compose_receipt, verify_receipt
from exchange_api.evidence.tiles import WIDTH, TileId, read_node, tile_of, tile_path
from exchange_api.signing import thumbprint

CHECKPOINT = "/v1/log/checkpoint"
_STATES = ("next", "active", "retired", "revoked")


@rule("evidence.refusal", ("拒绝亦有存证与证明", "a refusal has an entry and its proof"))
def refusal(probe: Probe) -> str:
    """Follow the receipt of a refusal."""
    return _follow(probe, probe.ask(probe.body(grant="SQ-0000-000000")))


@rule("evidence.answer", ("应答有存证与证明", "an answer has an entry and its proof"), "grant")
def answer(probe: Probe) -> str:
    """Follow the receipt of an answer with records; its entry holds no subject."""
    seen = probe.ask(probe.body())
    told = _follow(probe, seen)
    entry = json.dumps(probe.seen[-1].document.get("entry"))
    if any(subject in entry for subject in probe.given.subjects):
        raise Failed("the evidence entry holds a subject in clear")
    return told


@rule("evidence.unknown", ("不存在的回执称未找到", "a receipt that is none is not found"))
def unknown(probe: Probe) -> str:
    """Ask for a receipt nobody was given."""
    seen = probe.get(f"/v1/receipts/{uuid.uuid4()}")
    if seen.code != "receipt.not_found":
        raise Failed(f"{seen}; expected receipt.not_found")
    return str(seen)


@rule("evidence.checkpoint", ("检查点由平台密钥签名", "the checkpoint is signed by a key of the hub"))
def checkpoint(probe: Probe) -> str:
    """Verify the newest checkpoint."""
    found = _checkpoint(probe, probe.get(CHECKPOINT))
    return f"{found.origin} at size {found.size}"


@rule("evidence.consistency", ("日志只增不改", "the log only grows: two checkpoints are consistent"))
def consistency(probe: Probe) -> str:
    """Take a checkpoint, ask something, take the next one, and prove by tiles that it continues the first."""
    old = _checkpoint(probe, probe.get(CHECKPOINT))
    probe.ask(probe.body(grant="SQ-0000-000000"))
    new = _checkpoint(probe, probe.await_answer(CHECKPOINT, lambda seen: _size(seen) != old.size))
    if new.size <= old.size:
        raise Failed(f"the checkpoint stays at size {old.size} (then {new.size}) though answers were given")
    spans = consistency_spans(old.size, new.size)
    tiles = _fetch(probe, [node for span in spans for node in span_nodes(span)], new.size)
    try:
        path = [span_root(span, lambda level, index: read_node(tiles, (level, index))) for span in spans]
    except (KeyError, IndexError) as missing:
        raise Failed(f"the log's tiles do not hold what a proof needs: {missing}") from missing
    if not verify_consistency((old.size, new.size), (old.root, new.root), path):
        raise Failed(f"the tree of size {new.size} does not continue the one of size {old.size}")
    return f"{old.size} → {new.size}"


@rule("evidence.keys", ("公布全部曾用密钥及其期间", "every key ever used is published with its period"))
def keys(probe: Probe) -> str:
    """Read the key set: form, periods, no private part, the key in use; a key that was there stays."""
    now = probe.fetch_keys()
    if not now["keys"]:
        raise Failed("GET /.well-known/jwks.json publishes no key")
    for jwk in now["keys"]:
        if wrong := _wrong_key(jwk):
            raise Failed(f"key {jwk.get('kid')}: {wrong}")
    if not any(jwk["hutong:state"] == "active" for jwk in now["keys"]):
        raise Failed("no published key is active")
    before = {jwk.get("kid") for known in (probe.first_keys, probe.keys) for jwk in known["keys"]}
    if gone := before - {jwk["kid"] for jwk in now["keys"]}:
        raise Failed(f"keys that were published are gone: {', '.join(sorted(map(str, gone)))}")
    return ", ".join(f"{jwk['kid'][:8]}… {jwk['hutong:state']}" for jwk in now["keys"])


@rule(
    "evidence.retired_keys",
    ("曾用于检查点或应答的密钥仍在公布", "keys handed over at registration are still published"),
)
def retired_keys(probe: Probe) -> str:
    """Hold the published keys against the set handed over at registration."""
    if probe.given.jwks is None:
        raise Unchecked("give the key set handed over at registration by --jwks")
    published = {jwk.get("kid"): jwk for jwk in probe.fetch_keys()["keys"]}
    for jwk in probe.given.jwks["keys"]:
        found = published.get(jwk["kid"])
        if found is None or thumbprint(found) != thumbprint(jwk):
            raise Failed(f"key {jwk['kid']} is no longer published as it was")
    return f"{len(probe.given.jwks['keys'])} keys"


@rule(
    "evidence.no_person",
    ("应答与存证中没有被拒网址里的个人标识", "no entry repeats an identifier of a person from a refused URL"),
)
def no_person(probe: Probe) -> str:
    """Follow the receipt of a question with a person in its path."""
    seen = probe.get(f"/v1/receipts/{NOBODY}")
    named = seen.response.headers.get("x-receipt", "")
    found = probe.await_receipt(named)
    if NOBODY.encode() in found.response.body:
        raise Failed(f"entry {named} holds the identifier")
    return f"entry {named}"


def _follow(probe: Probe, seen: Seen) -> str:
    """Fetch the entry of an answer with its proof and verify the whole receipt."""
    named = seen.response.headers.get("x-receipt")
    if not named:
        raise Failed(f"{seen}: the answer names no receipt")
    found = probe.await_receipt(named)
    document = found.document
    if found.response.status != 200 or not isinstance(document, dict):
        raise Failed(f"receipt {named} of {seen} leads to no entry: {found}")
    try:
        data = compose_receipt(seen.request, seen.response, document)
    except (KeyError, ValueError, TypeError) as wrong:
        raise Failed(f"no receipt can be made of {seen}: {wrong}") from wrong
    report = verify_receipt(data, probe.keys)
    if not report.verified:
        detail = next(check.detail for check in report.checks if not check.ok)
        raise Failed(f"receipt {named} of {seen}: {report.failed}: {detail}")
    return f"receipt {named}"


def _checkpoint(probe: Probe, seen: Seen) -> Checkpoint:
    if seen.response.status != 200:
        raise Failed(f"{seen}; expected a checkpoint")
    try:
        return verify_checkpoint(seen.response.body.decode(), probe.public_keys())[0]
    except ValueError as wrong:
        raise Failed(f"checkpoint: {wrong}") from wrong


def _size(seen: Seen) -> int | None:
    lines = seen.response.body.decode("utf-8", "replace").split("\n")
    return int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else None


def _fetch(probe: Probe, nodes: Iterable[Node], size: int) -> dict[TileId, bytes]:
    """Return the tiles that hold these nodes, each as wide as it is in a tree of this size."""
    found: dict[TileId, bytes] = {}
    for level, index in sorted({tile_of(node) for node in nodes}):
        width = min(WIDTH, (size >> 8 * level) - index * WIDTH)
        seen = probe.get(f"/v1/log/tile/{tile_path(level, index, width)}")
        if seen.response.status != 200:
            raise Failed(f"{seen}; the log's tile is missing")
        found[level, index] = seen.response.body
    return found


def _wrong_key(jwk: Mapping[str, object]) -> str | None:
    if "d" in jwk:
        return "its private part is published"
    if jwk.get("hutong:state") not in _STATES:
        return f"its state is {jwk.get('hutong:state')!r}"
    if jwk.get("hutong:state") in ("active", "retired") and not isinstance(jwk.get("hutong:not_before"), int):
        return "its period has no beginning"
    if jwk.get("hutong:state") == "retired" and not isinstance(jwk.get("hutong:not_after"), int):
        return "it is retired and its period has no end"
    return None
