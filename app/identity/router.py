"""All routes of this room."""

from fastapi import APIRouter

from app.identity.keys.router import router as keys
from app.identity.oidc.router import router as oidc
from app.identity.people.router import router as people
from app.identity.sessions.router import router as sessions

router = APIRouter(tags=["access"])
for part in (sessions, oidc, people, keys):
    router.include_router(part)
