"""What is wrong with a request is said with its place and what is allowed, and never with what was sent."""

from typing import Annotated, Literal

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, StringConstraints

from serve.problems import add_problem_handlers

app = FastAPI()
add_problem_handlers(app)


class Note(BaseModel):
    text: Annotated[str, StringConstraints(min_length=2, max_length=10)]
    until: Literal["tomorrow"] | int | None = None


@app.post("/notes")
async def add(note: Note) -> None: ...


@pytest.mark.parametrize(
    ("sent", "field", "detail"),
    [
        ({}, "text", "text: field required"),
        ({"text": "x"}, "text", "text: string should have at least 2 characters"),
        ({"text": "x" * 11}, "text", "text: string should have at most 10 characters"),
        ({"text": "xx", "until": "sleeping"}, "until", "until: input should be 'tomorrow'"),
        (["hemligt"], "body", None),
    ],
)
async def test_a_refusal_names_the_place_and_what_is_allowed(
    sent: object, field: str, detail: str | None
) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://replik") as client:
        response = await client.post("/notes", json=sent)
    assert response.status_code == 422
    data = response.json()["data"]
    assert (data["field"], data.get("detail")) == (field, detail)
    assert "hemligt" not in response.text
    assert "sleeping" not in response.text
