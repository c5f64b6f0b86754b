"""All routes for how a tenant's agent behaves, below one prefix."""

from fastapi import APIRouter

from admin_api import approved, audit, models, policies, ratings, releases, traces

router = APIRouter()
for part in (policies, releases, approved, models, ratings, traces, audit):
    router.include_router(part.router)
