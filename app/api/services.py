"""Everything that a running application keeps, as one typed object."""

from dataclasses import dataclass

from app.identity.services import IdentityServices
from app.ingest.service import IngestServices
from app.jurisdictions.service import JurisdictionServices


@dataclass(frozen=True, kw_only=True)
class Services(IdentityServices, JurisdictionServices, IngestServices):
    """``application.state.services``; made once by ``app.main.create_app``.

    A room reads its own part with ``app.core.web.parameters.services_of``.
    """
