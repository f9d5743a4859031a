"""What Waves Marketplace sees of a company through the platform's API, with the token it was given."""

from dataclasses import dataclass
from typing import Any

from keygrove.sdk import http
from keygrove.sdk.steps import HttpRequest, Unreachable

GUESTS = 5


class AccountUnreachable(Exception):
    """The API cannot be had, or answers what nobody expects."""


class TokenNotTaken(AccountUnreachable):
    """The API does not take the token; it may take a newer one."""


@dataclass(frozen=True, slots=True)
class Guest:
    """A person who agreed to hear from the company."""

    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A company, and the first few of its guests; None when the token is not for those."""

    company_id: str
    company_name: str
    guests: tuple[Guest, ...] | None


def look_into(api: str, token: str) -> Account:
    """Ask the API at the address `api`. Raises TokenNotTaken, AccountUnreachable."""
    _, me = _get(f"{api}/v1/me", token)
    status, page = _get(f"{api}/v1/marketing-consents?limit={GUESTS}", token)
    try:
        guests = tuple(Guest(each["full_name"], each["email"]) for each in page.get("items", ()))
        return Account(
            company_id=me["company_id"],
            company_name=me["company_name"],
            guests=None if status == 403 else guests,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise AccountUnreachable("the API answers in another shape") from error


def _get(url: str, token: str) -> tuple[int, dict[str, Any]]:
    request = HttpRequest(method="GET", url=url, headers={"authorization": f"Bearer {token}"})
    try:
        answer = http.fetch(request)
        if answer.status == 401:
            raise TokenNotTaken("the API does not take our token")
        if answer.status not in (200, 403):
            raise AccountUnreachable(f"the API answers {answer.status}")
        return answer.status, answer.json_object()
    except Unreachable as error:
        raise AccountUnreachable(str(error)) from error
