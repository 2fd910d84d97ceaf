"""Why: how long a grant may lie unused and how often it must be looked at again is the operator's to say. Read by the rooms of `grant`."""

from pydantic import Field

from schemas.settings import HutongSettings


class GrantSettings(HutongSettings):
    """Periods of a grant's life, in days."""

    grant_unused_days: int = Field(default=180, ge=1, description="A grant not used for so many days ends.")
    grant_certified_days: int = Field(
        default=365, ge=1, description="Provider or authority must look at a grant again within so many days."
    )
    grant_notice_days: int = Field(
        default=30, ge=0, description="So many days before either, those concerned are told; never is it ended untold."
    )
