"""Routes for customers: who they are, and what they wrote about."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field, field_validator

from admin_api import etags
from admin_api.desk import DeskDep, id_of
from admin_api.etags import Expected
from admin_api.words import Body, Line, small
from agents.inbox.customers import CustomerPage, Customers, CustomerView
from foundation.ids import CustomerId


class Asked(Body):
    q: Line | None = None
    """Beginnings of words: of the name, e-mail address, phone number or your own id."""
    cursor: str | None = Field(default=None, max_length=300)
    limit: int = Field(default=25, ge=1, le=100)


class Patch(Body):
    """What is left out stays as it is; null forgets it."""

    name: Line | None = None
    email: Annotated[Line, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")] | None = None
    phone: Annotated[Line, Field(pattern=r"^\+?[0-9 ()/-]{5,30}$")] | None = None
    external_id: Line | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)

    @field_validator("metadata")
    @classmethod
    def _small(cls, value: dict[str, Any]) -> dict[str, Any]:
        return small(value)


router = APIRouter(prefix="/customers", tags=["inbox"])


@router.get("")
async def page(desk: DeskDep, asked: Annotated[Asked, Query()]) -> CustomerPage:
    """List customers, those changed last first."""
    return await Customers(desk.tenancy).page(
        desk.tenant_id, search=asked.q, cursor=asked.cursor, limit=asked.limit
    )


@router.get("/{customer_id}")
async def one(desk: DeskDep, customer_id: str, response: Response) -> CustomerView:
    """Show a customer; what they wrote about is `GET /api/admin/conversations?customer=…`."""
    found = await Customers(desk.tenancy).get(desk.tenant_id, CustomerId(id_of("customer", customer_id)))
    etags.mark(response, found.version)
    return found


@router.patch("/{customer_id}")
async def change(
    desk: DeskDep, customer_id: str, body: Patch, expected: Expected, response: Response
) -> CustomerView:
    """Write down who a customer is."""
    after = await Customers(desk.tenancy).change(
        desk.tenant_id,
        desk.actor,
        CustomerId(id_of("customer", customer_id)),
        body.model_dump(include=body.model_fields_set),
        expected=expected,
    )
    etags.mark(response, after.version)
    return after
