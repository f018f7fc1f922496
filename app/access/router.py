"""Who comes in, over HTTP: sessions of people, people, keys."""

from fastapi import APIRouter

from app.access.key_router import router as keys
from app.access.oidc_router import router as oidc
from app.access.people_router import router as people
from app.access.session_router import router as sessions

router = APIRouter(tags=["access"])
for part in (sessions, oidc, people, keys):
    router.include_router(part)
