"""The start page and the widget's script."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from foundation.errors import NotFound

DIST = Path(__file__).resolve().parent.parent / "web" / "dist"

START_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def start() -> Response:
    """The start page, in the browser's language."""
    return _built("start/index.html", "text/html; charset=utf-8", {"Content-Security-Policy": START_POLICY})


@router.api_route("/widget.js", methods=["GET", "HEAD"])
async def widget() -> Response:
    """The widget; any site may load it, and browsers ask each hour whether it has changed."""
    headers = {
        "Cache-Control": "public, max-age=3600",
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return _built("widget.js", "text/javascript; charset=utf-8", headers)


def assets() -> StaticFiles:
    """Return the start page's files."""
    return StaticFiles(directory=DIST / "start", check_dir=False)


def _built(name: str, media_type: str, headers: dict[str, str]) -> Response:
    path = DIST / name
    if not path.is_file():
        raise NotFound(part="web")
    return FileResponse(path, media_type=media_type, headers=headers)
