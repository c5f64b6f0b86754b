"""All routes for a tenant's knowledge, below one prefix."""

from fastapi import APIRouter

from admin_api import sources

router = APIRouter(tags=["knowledge"])
router.include_router(sources.router)
