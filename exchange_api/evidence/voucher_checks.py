"""Why: what others vouch for in a receipt, checked with keys and certificates that the verifier holds, never with the file's own. Called by `receipt`.

Only what can be checked is claimed: a cosignature of a witness whose key was not given, or a stamp whose authority was not given, is told as such.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass

from exchange_api.evidence.checkpoint import bare_note, own_lines, parse_checkpoint, parse_proof
from exchange_api.evidence.cosignature import VerifierKey, parse_cosignature, verify_cosignature
from exchange_api.evidence.receipt_checks import Broken, Receipt
from exchange_api.signing.algorithms import decode_base64


class Unchecked(str):
    """What is there could not be checked for want of a key; the words say what."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom the verifier believes beside the hub: witnesses, how many of them must have cosigned, and a time stamping authority (PEM, policy)."""

    witnesses: tuple[VerifierKey, ...] = ()
    witnesses_needed: int = 0
    authority_pem: bytes | None = None
    policy: str | None = None
    is_stamp_needed: bool = False


def steps(receipt: Receipt, trust: Trust) -> list[tuple[str, Callable[[Receipt], str]]]:
    """Return the checks that this receipt calls for: of what it carries, and of what the verifier wants."""
    found: list[tuple[str, Callable[[Receipt], str]]] = []
    if trust.witnesses_needed or trust.witnesses or _has_witnesses(receipt):
        found.append(("witnesses", lambda one: check_witnesses(one, trust)))
    if receipt.has_stamp or trust.is_stamp_needed:
        found.append(("time_stamp", lambda one: check_stamp(one, trust)))
    return found


def check_witnesses(receipt: Receipt, trust: Trust) -> str:
    """Check each cosignature by a known witness, and that enough known witnesses cosigned."""
    checkpoint, lines = parse_checkpoint(parse_proof(receipt.proof).note)
    foreign = lines[len(own_lines(checkpoint, lines)) :]
    told, unknown = [], []
    for line in foreign:
        by = [key for key in trust.witnesses if verify_cosignature(line, checkpoint, key) is not None]
        if by:
            told.append(by[0])
        else:
            unknown.append(parse_cosignature(line).name)
    count = len({str(key.key.keyid) for key in told})
    if count < trust.witnesses_needed:
        raise Broken(f"{count} known witnesses cosigned, {trust.witnesses_needed} are needed")
    words = f"cosigned by {', '.join(key.name for key in told) or 'no known witness'}"
    return Unchecked(f"{words}; not checked, their keys were not given: {', '.join(unknown)}") if unknown else words


def check_stamp(receipt: Receipt, trust: Trust) -> str:
    """Check the time stamp over the checkpoint with the authority's certificates alone."""
    if receipt.stamp is None:
        if trust.is_stamp_needed:
            raise Broken("no time stamp yet; fetch the proof again")
        return Unchecked("pending: no time stamp yet")
    if trust.authority_pem is None:
        if trust.is_stamp_needed:
            raise Broken("no authority was given to check the time stamp by")
        return Unchecked("a time stamp is there; not checked, its authority's certificates were not given")
    from exchange_api.evidence.stamping import read_authority, verify_token  # needs rfc3161-client

    authority = read_authority(trust.authority_pem, trust.policy)
    moment = verify_token(decode_base64(receipt.stamp), bare_note(parse_proof(receipt.proof).note), authority)
    return f"in the log by {moment.isoformat()}"


def spell_stamp(token: bytes | None) -> str | None:
    """Return a token as receipts hold it; None stays None: pending."""
    return None if token is None else base64.b64encode(token).decode()


def _has_witnesses(receipt: Receipt) -> bool:
    try:
        checkpoint, lines = parse_checkpoint(parse_proof(receipt.proof).note)
    except ValueError:
        return False  # told by the checks of the proof itself
    return len(own_lines(checkpoint, lines)) != len(lines)
