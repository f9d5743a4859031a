"""Invented people who agreed to marketing: the same ones every time for a company, none of them real."""

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass

_FIRST = """
Aisha Alma Amir Anders Anna Aoife Ben Carla Chen Clara Dagny Daniel Diego Elif Ella Emil Esther Farah
Finn Freja Gustav Hana Hugo Ida Ines Ivan Jonas Julia Kaito Karen Lars Leila Linus Lucia Magnus Maja
Malik Mateo Mei Mila Nadia Nils Noah Nora Olga Omar Oscar Priya Rafael Rosa Saga Samuel Selma Sofia
Sunita Tariq Thea Tomas Vera Yusuf
"""
_LAST = """
Abe Adler Almeida Andersen Bakker Banerjee Berg Brandt Castillo Chowdhury Costa Dahl Demir Dubois Ekman
Farouk Fischer Garcia Gunnarsson Haddad Hansen Hoffmann Ishii Jensen Kaya Keller Kim Kowalski Larsen
Lindqvist Madsen Marino Mensah Moreau Nakamura Nielsen Novak Okafor Olsen Ortega Park Petrov Rahman
Rossi Schmidt Silva Sorensen Tanaka Thorsen Vargas Vogel Walsh Weber Winther Yilmaz Zhang
"""
_FIRST_NAMES, _LAST_NAMES = tuple(_FIRST.split()), tuple(_LAST.split())
_SOURCES = ("checkout", "checkout", "checkout", "gift_card_checkout", "waitlist")
_REFERENCES = {
    "checkout": ("booking", "bkg_"),
    "gift_card_checkout": ("order", "ord_"),
    "waitlist": ("event", "evt_"),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """What a consent was given with: a booking, an order or an event."""

    type: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One person's consent to marketing by one company. Older consents have no references."""

    id: str
    company_id: str
    email: str
    full_name: str
    source: str
    references: tuple[Reference, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyData:
    """All that the API holds about one company; the consents newest first, by id."""

    company_id: str
    company_name: str
    consents: Mapping[str, Consent]


def invent_company(company_id: str, company_name: str, *, count: int = 240) -> CompanyData:
    """Invent a company's consents out of its id alone."""
    chance = random.Random(company_id)  # noqa: S311 - repeatable on purpose
    consents = [_invent(chance, company_id, number, count) for number in range(count)]
    return CompanyData(
        company_id=company_id,
        company_name=company_name,
        consents={consent.id: consent for consent in consents},
    )


def _invent(chance: random.Random, company_id: str, number: int, count: int) -> Consent:
    first, last, source = chance.choice(_FIRST_NAMES), chance.choice(_LAST_NAMES), chance.choice(_SOURCES)
    domain = chance.choice(("example.com", "example.org"))
    kind, prefix = _REFERENCES[source]
    is_old = number > count * 4 // 5
    return Consent(
        id=_id("mkc_", company_id, number),
        company_id=company_id,
        email=f"{first}.{last}{number}@{domain}".lower(),
        full_name=f"{first} {last}",
        source=source,
        references=None if is_old else (Reference(kind, _id(prefix, company_id, number)),),
    )


def _id(prefix: str, company_id: str, number: int) -> str:
    return prefix + hashlib.sha256(f"{prefix}{company_id}{number}".encode()).hexdigest()[:24]
