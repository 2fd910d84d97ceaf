"""The officers' pages: they call desks inside one transaction per request, never HTTP. `mount(app)` is all that the application needs to know."""

from exchange_api.portal.mounting import mount

__all__ = ["mount"]
