"""A person with a browser, as the protocol sees one: cookies, redirects, and forms filled in and sent."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode, urljoin

import httpx2

from running import PASSWORD

_STEPS = ("sign-in", "keep-account", "choose-company", "allow")
_MOST_PAGES = 20


@dataclass(slots=True)
class Form:
    """A form of a page: where it is sent, its fields as they stand, and the buttons that send it."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def steps(self) -> set[str]:
        """The steps of the sign-in that it can send."""
        named = {value for name, value in self.buttons if name == "step"}
        return named | {value for name, value in self.fields.items() if name == "step"}


class Person:
    """Signs in with PASSWORD, takes the first company offered, and allows what is asked."""

    def __init__(self, email: str, authority: Path) -> None:
        self.pages: list[str] = []
        self._email = email
        self._http = httpx2.Client(
            verify=ssl.create_default_context(cafile=str(authority)), trust_env=False, timeout=30
        )

    def __enter__(self) -> "Person":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def go(self, url: str, *, until: str) -> str:
        """Follow an address through all pages, and give the one that begins with `until`; it is not opened.

        What a form would post there is in its query. Raises AssertionError with the page that leads nowhere.
        """
        answer = self._http.get(url)
        for _ in range(_MOST_PAGES):
            if answer.is_redirect:
                url = urljoin(str(answer.url), answer.headers["location"])
                if url.startswith(until):
                    return url
                answer = self._http.get(url)
            elif posted := _leaving(answer.text, until):
                self.pages.append("form_post")
                return posted
            else:
                answer = self._send(answer)
        raise AssertionError(f"there was no end of pages: {self.pages}")

    def open(self, url: str) -> httpx2.Response:
        """Open an address, follow no redirect."""
        return self._http.get(url)

    def _send(self, answer: httpx2.Response) -> httpx2.Response:
        for step in _STEPS:
            for form in forms_of(answer.text):
                if step in form.steps():
                    self.pages.append(step)
                    return self._http.post(
                        urljoin(str(answer.url), form.action),
                        data={**form.fields, "step": step, **self._typed(form.fields)},
                        headers={"origin": origin_of(answer.url), "referer": str(answer.url)},
                    )
        raise AssertionError(f"{answer.status_code} {answer.url}\n{answer.text}")

    def _typed(self, fields: Mapping[str, str]) -> dict[str, str]:
        own = {"email": self._email, "password": PASSWORD}
        return {name: value for name, value in own.items() if name in fields}


def _leaving(page: str, until: str) -> str:
    """Where the page's form leads, with its fields, if that begins with `until`; else nothing."""
    leaving = (form for form in forms_of(page) if form.action.startswith(until))
    return next((f"{form.action}?{urlencode(form.fields)}" for form in leaving), "")


def origin_of(url: httpx2.URL) -> str:
    """As a browser writes it into the header `Origin`."""
    return f"{url.scheme}://{url.netloc.decode()}"


def forms_of(page: str) -> list[Form]:
    """The forms of a page that post."""
    reader = _FormReader()
    reader.feed(page)
    return reader.forms


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form" and told.get("method", "").lower() == "post":
            self._open = Form(told.get("action", ""))
            self.forms.append(self._open)
        elif self._open is None:
            return
        elif tag == "button":
            self._open.buttons.append((told.get("name", ""), told.get("value", "")))
        elif tag == "input" and told.get("name") and "disabled" not in told:
            self._fill(self._open, told)

    def _fill(self, form: Form, told: Mapping[str, str]) -> None:
        kind, name, value = told.get("type", "text"), told["name"], told.get("value", "")
        if kind in ("radio", "checkbox"):
            # The first choice, unless the page has made one.
            if name not in form.fields or "checked" in told:
                form.fields[name] = value or "on"
        else:
            form.fields[name] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
