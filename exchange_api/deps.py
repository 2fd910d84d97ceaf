"""Why: what routers get handed by FastAPI: the worker's hub and a database session. Called by routers and the portal."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from exchange_api.hub import Hub
from schemas.database import transaction


def find_hub(request: Request) -> Hub:
    """Return this worker's hub."""
    hub: Hub = request.app.state.hub
    return hub


def open_session() -> Iterator[Session]:
    """Open one transaction of the exchange role for one request."""
    with transaction("exchange") as session:
        yield session


HubDep = Annotated[Hub, Depends(find_hub)]
SessionDep = Annotated[Session, Depends(open_session)]
