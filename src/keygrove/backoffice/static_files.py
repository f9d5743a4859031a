"""Style sheets, scripts and drawings, in memory, under an address that changes with their content."""

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file, plain and compressed."""

    media_type: str
    plain: bytes
    packed: bytes


def _walk(folder: Traversable, path: str = "") -> dict[str, StaticFile]:
    found: dict[str, StaticFile] = {}
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{path}{entry.name}"
        if entry.is_dir():
            found |= _walk(entry, f"{name}/")
        elif (media_type := _TYPES.get(name.rpartition(".")[2])) is not None:
            plain = entry.read_bytes()
            found[name] = StaticFile(media_type, plain, gzip.compress(plain, mtime=0))
    return found


FILES = _walk(files("keygrove.backoffice") / "static")
# One digest for all: modules import their neighbors by relative address, so they move together.
DIGEST = hashlib.sha256(b"".join(name.encode() + file.plain for name, file in FILES.items())).hexdigest()[:16]


def static(path: str) -> str:
    """The address of a static file. Raises KeyError for one that is not there: no page links to nothing."""
    FILES[path]
    return f"/static/{DIGEST}/{path}"


async def serve(request: Request) -> Response:
    """GET /static/{digest}/{path}. A `Range` is ignored: the files are small, ranges invite abuse."""
    file = FILES.get(request.path_params["path"])
    if file is None:
        raise HTTPException(404)
    current = request.path_params["digest"] == DIGEST
    packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if current else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(file.packed if packed else file.plain, headers=headers, media_type=file.media_type)
