"""Bodies and answers that are no JSON, as the API's description has them."""

from typing import Any

from fastapi.responses import StreamingResponse

_FILE = {"type": "string", "contentMediaType": "application/octet-stream"}


class ServerSentEvents(StreamingResponse):
    """A stream of events (the WHATWG HTML standard, section 9.2)."""

    media_type = "text/event-stream"


class Archive(StreamingResponse):
    """A zip file."""

    media_type = "application/zip"


class JsonLines(StreamingResponse):
    """A JSON value a line."""

    media_type = "application/x-ndjson"


def uploads(*, json: type | None = None, **fields: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a form with a `file` and more fields; `json` is what may come instead."""
    form = {"type": "object", "required": ["file"], "properties": {"file": _FILE, **fields}}
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}}
    if json is not None:
        content["application/json"] = {"schema": json.model_json_schema()}  # type: ignore[attr-defined]
    return {"requestBody": {"required": True, "content": content}}
