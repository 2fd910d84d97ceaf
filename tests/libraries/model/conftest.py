"""The hub of the merging's stories, lent."""

from tests.libraries.merging.conftest import _hub, _hub_database, hub

__all__ = ["_hub", "_hub_database", "hub"]
