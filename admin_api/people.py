"""All routes for who works for a tenant, below one prefix."""

from fastapi import APIRouter

from admin_api import oidc, roles, team

router = APIRouter()
for part in (team.router, roles.router, oidc.router):
    router.include_router(part)
