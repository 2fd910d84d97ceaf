"""The SDK an application system installs: asks signed questions, accepts verified answers only, keeps receipts."""

from exchange_api.client.hub import HutongClient
from exchange_api.client.shelf import ReceiptShelf
from exchange_api.client.wire import Answer

__all__ = ["Answer", "HutongClient", "ReceiptShelf"]
