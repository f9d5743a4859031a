"""What surrounds every page: the platform, the company at hand, the person, the theme."""

from dataclasses import dataclass
from typing import Literal

Theme = Literal["", "light", "dark"]


@dataclass(frozen=True, slots=True)
class CompanyLink:
    """A company the person belongs to, and their role there in words."""

    slug: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class PersonCard:
    """The person signed in, as the top bar shows them."""

    name: str
    email: str
    role: str

    @property
    def initial(self) -> str:
        """The letter in their circle."""
        return self.name[:1].upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The values that the layout needs. `form_token` proves that a form came from one of our pages."""

    platform: str
    path: str
    request_id: str
    theme: Theme = ""
    form_token: str = ""
    person: PersonCard | None = None
    company: CompanyLink | None = None
    companies: tuple[CompanyLink, ...] = ()

    @property
    def base(self) -> str:
        """The address under which this company's pages live."""
        return f"/c/{self.company.slug}" if self.company is not None else ""
