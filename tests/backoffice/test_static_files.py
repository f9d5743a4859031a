"""Style sheets and scripts: served by Keygrove, for ever cacheable, small, and all there."""

import gzip
import json
import re
from pathlib import Path

import httpx2

from backoffice.site import Site
from keygrove.backoffice.static_files import DIGEST, FILES, static

STATIC = Path(__file__).parents[2] / "src/keygrove/backoffice/static"


def test_a_file_is_cached_for_a_year_under_its_content(site: Site) -> None:
    """The address changes with the content, so nobody asks twice; an old address is checked each time."""
    answer = httpx2.get(f"{site.url}{static('css/tokens.css')}")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.content == (STATIC / "css/tokens.css").read_bytes()
    old = httpx2.get(f"{site.url}/static/0000000000000000/css/tokens.css")
    assert (old.status_code, old.headers["cache-control"]) == (200, "no-cache")


def test_a_range_is_ignored(site: Site) -> None:
    """Whole files only (H11)."""
    ranges = "bytes=" + ",".join(f"{at}-{at + 1}" for at in range(0, 2000, 2))
    answer = httpx2.get(f"{site.url}{static('js/main.js')}", headers={"Range": ranges})
    assert (answer.status_code, answer.content) == (200, FILES["js/main.js"].plain)


def test_a_file_that_is_not_there(site: Site) -> None:
    """Nothing outside the folder can be asked for."""
    for path in ("css/none.css", "../templates/layout.html", "%2e%2e/templates/layout.html", "css"):
        assert httpx2.get(f"{site.url}/static/{DIGEST}/{path}").status_code == 404


def test_files_are_no_news(site: Site) -> None:
    """A log at `info` tells of pages, and of a file that is not there."""
    httpx2.get(f"{site.url}/livez")  # a line may come after its answer: those of other tests are there then
    since = site.server.log_bytes()
    for path in (static("css/tokens.css"), f"/static/{DIGEST}/css/none.css", "/sign-in", "/livez"):
        httpx2.get(f"{site.url}{path}")
    lines = map(json.loads, site.server.log_text(since=since).splitlines())
    levels = {line["route"].rpartition("/")[2]: line["level"] for line in lines if "route" in line}
    assert levels == {"tokens.css": "debug", "none.css": "info", "sign-in": "info"}


def test_a_page_with_all_its_files_is_light() -> None:
    """Style sheets and scripts leave room for a full list within 60 kB compressed."""
    assert sum(len(file.packed) for file in FILES.values()) < 30_000


def test_styles_and_scripts_stand_alone() -> None:
    """No file names another origin, and every import and style sheet exists."""
    for name, file in FILES.items():
        text = file.plain.decode()
        assert not re.findall(r"""(?:url\(|@import|from )\s*["']?(?:https?:)?//""", text), name
        for imported in re.findall(r'from "\./([^"]+)"', text):
            assert f"js/{imported}" in FILES


def test_compressed_and_plain_are_the_same() -> None:
    """What a browser unpacks is the file."""
    assert all(gzip.decompress(file.packed) == file.plain for file in FILES.values())
