"""The SDK an application system installs: asks signed questions, accepts verified answers only, keeps receipts. `Hub` for programs, `AsyncHub` for asyncio.

Installable alone as the wheel `hutong-client` (module `hutong_client`, pyproject.toml beside this file).
"""

from exchange_api.client.copied import Change, ChangePage, Export, ExportedFile
from exchange_api.client.hub import Hub
from exchange_api.client.refusals import Refused
from exchange_api.client.results import (
    CertificateFile,
    Chain,
    Objection,
    Page,
    Recall,
    Record,
    Records,
    Rehearsal,
    Source,
    Verdict,
    Verdicts,
)
from exchange_api.client.shelf import ReceiptShelf
from exchange_api.client.waiting import AsyncHub
from exchange_api.client.wire import Answer, Limits
from schemas.errors import Denied, HutongError, Invalid, Terminal, Transient

__all__ = [
    "Answer",
    "AsyncHub",
    "CertificateFile",
    "Chain",
    "Change",
    "ChangePage",
    "Denied",
    "Export",
    "ExportedFile",
    "Hub",
    "HutongError",
    "Invalid",
    "Limits",
    "Objection",
    "Page",
    "Recall",
    "ReceiptShelf",
    "Record",
    "Records",
    "Refused",
    "Rehearsal",
    "Source",
    "Terminal",
    "Transient",
    "Verdict",
    "Verdicts",
]
