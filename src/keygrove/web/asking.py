"""What the pages of an authorization request ask and say, as plain values that any page can show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from keygrove.endpoints.authorization import Shown
from keygrove.management.sign_in import Session
from keygrove.protocol.consent import AskConsent, ChooseCompany, Explain, SignIn
from keygrove.protocol.scope import OFFLINE

Why = Literal["sign-in", "again", "sensitive", "choose-account", "another-account"]
_WHY: Mapping[str, Why] = {
    "no session": "sign-in",
    "asked to": "again",
    "too long ago": "again",
    "sensitive scope": "sensitive",
    "choose an account": "choose-account",
    "another account": "another-account",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCard:
    """Which app asks, in its maker's words, and where the browser goes afterwards."""

    name: str
    maker: str
    description: str
    is_verified: bool
    is_draft: bool
    reasons: Mapping[str, str]
    policy_uri: str | None
    terms_uri: str | None
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class AskSignIn:
    """Show the sign-in page, and why it is needed. `hint` is what the app thinks the address is."""

    why: Why
    hint: str


@dataclass(frozen=True, slots=True)
class AskCompany:
    """Ask for which company: (id, name, whether the app is connected to it). `first` is chosen already."""

    choices: tuple[tuple[str, str, bool], ...]
    first: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskToAllow:
    """Ask whether the app may have these scopes for a company, `new` ones among them, and `optional` ones.

    Whatever the answer is, it keeps what it is allowed there already (`held`), also by somebody else.
    `is_lasting` says that it stays connected; else access ends after `lifetime_s` seconds.
    """

    company_id: str
    company: str
    audience: str
    scopes: tuple[str, ...]
    new: frozenset[str]
    is_connected: bool
    is_lasting: bool
    lifetime_s: int
    has_choice: bool
    optional: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SayWhyNot:
    """The person may not connect apps to these companies. A draft is for its maker's company only."""

    companies: tuple[str, ...]
    is_draft: bool


Ask = AskSignIn | AskCompany | AskToAllow | SayWhyNot


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the interaction. Its forms carry `form_token` and the request itself, `sealed`."""

    ask: Ask
    app: AppCard
    session: Session | None
    form_token: str = field(repr=False)
    sealed: str = field(repr=False)


def page_values(shown: Shown, *, chose_company: bool) -> tuple[Ask, AppCard]:
    """What to ask, and who asks. `chose_company`: the person did, and may choose anew."""
    card = _card(shown)
    return _ask(shown, card, chose_company=chose_company), card


def _ask(shown: Shown, card: AppCard, *, chose_company: bool) -> Ask:
    match shown.step:
        case SignIn(reason):
            return AskSignIn(_WHY[reason], shown.login_hint)
        case ChooseCompany(ids):
            first = shown.latest if shown.latest in ids else ids[0]
            return AskCompany(tuple((id, shown.companies[id], id in shown.connected) for id in ids), first)
        case AskConsent(company_id, scope, new, optional):
            return AskToAllow(
                company_id=company_id,
                company=shown.companies[company_id],
                audience=shown.audience,
                scopes=scope.tokens,
                new=frozenset(new),
                optional=optional,
                is_connected=company_id in shown.connected,
                is_lasting=not OFFLINE.isdisjoint(scope.tokens),
                lifetime_s=shown.lifetime_s,
                has_choice=chose_company and len(shown.companies) > 1,
                held=shown.held,
            )
        case Explain():
            return SayWhyNot(tuple(shown.companies.values()), is_draft=card.is_draft)


def _card(shown: Shown) -> AppCard:
    app = shown.app
    return AppCard(
        name=app.name,
        maker=shown.maker,
        description=app.description,
        is_verified=app.verified_at_s is not None,
        is_draft=shown.is_draft,
        reasons=app.reasons,
        policy_uri=app.policy_uri,
        terms_uri=app.tos_uri,
        redirect_uri=shown.back.redirect_uri.uri,
    )
