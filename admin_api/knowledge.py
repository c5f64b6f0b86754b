"""All routes for a tenant's knowledge, below one prefix."""

from fastapi import APIRouter

from admin_api import crawls, quality, retrieval, sources, versions

router = APIRouter(tags=["knowledge"])
for part in (
    sources.router,
    sources.keeping,
    sources.erasures,
    crawls.router,
    versions.router,
    versions.answers,
    quality.router,
    retrieval.router,
):
    router.include_router(part)
