"""The API's reference as a plain page, made from the OpenAPI description. It loads nothing from elsewhere."""

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)


@router.get("/docs", response_class=HTMLResponse)
async def reference(request: Request) -> HTMLResponse:
    """List every route with what it does."""
    paths = request.app.openapi()["paths"]
    rows = "".join(
        f"<tr><td><code>{method.upper()}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(str(operation.get('description', '')).split('Raises:')[0])}</td></tr>"
        for path, operations in paths.items()
        for method, operation in operations.items()
    )
    return HTMLResponse(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Replik API</title></head><body>'
        '<h1>Replik API</h1><p>The machine-readable form: <a href="/openapi.json">openapi.json</a></p>'
        f'<table border="1" cellpadding="6">{rows}</table></body></html>',
    )
