"""The routers of all rooms, in the order of the API page."""

from fastapi import APIRouter

from app.api import health
from app.assets.router import router as assets
from app.compliance.audit_router import router as trail
from app.compliance.subject_report.router import router as subject
from app.dispatch.shares.router import page_router as share_pages
from app.dispatch.shares.router import router as shares
from app.distribution.router import router as clusters
from app.enforcement.router import router as enforcement
from app.identity.router import router as access
from app.ingest.aemp.router import router as aemp
from app.ingest.http.router import router as ingest
from app.jurisdictions.router import router as jurisdictions
from app.telemetry.feeds.router import router as telemetry
from app.tracking.router import router as tracking

router = APIRouter()
for room in (
    ingest,
    clusters,
    shares,
    tracking,
    enforcement,
    assets,
    telemetry,
    aemp,
    jurisdictions,
    access,
    trail,
    subject,
):
    router.include_router(room, prefix="/v1")
router.include_router(share_pages)
router.include_router(health.router)
