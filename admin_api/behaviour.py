"""All routes for how a tenant's agent behaves, below one prefix."""

from fastapi import APIRouter

from admin_api import approved, models, policies, ratings, releases, traces

router = APIRouter()
for part in (policies.router, releases.router, approved.router, models.router, ratings.router, traces.router):
    router.include_router(part)
