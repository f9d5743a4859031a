"""What can be wrong with what somebody asks; each door says it in its own way."""

from dataclasses import dataclass

from keygrove.crypto.passwords import TooBusy
from keygrove.storage.database import DatabaseUnavailable

# The floors below raise these two; doors know them by this module.
__all__ = [
    "DatabaseUnavailable",
    "Fault",
    "Forbidden",
    "Invalid",
    "LinkExpired",
    "ManagementError",
    "NotFound",
    "Throttled",
    "TooBusy",
]


class ManagementError(Exception):
    """Something asked for cannot be done, and the asker can be told why."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one field, in words for the person who filled it in."""

    field: str
    message: str


class Invalid(ManagementError):
    """One or more fields are wrong."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        super().__init__(" ".join(fault.message for fault in faults))


class NotFound(ManagementError):
    """There is no such thing, or it is not theirs: the answer is the same."""


class Forbidden(ManagementError):
    """They are known, but may not do this. The text says why and whom to ask."""


class Throttled(ManagementError):
    """Too many attempts; `retry_at_s` (epoch seconds) is when the next one is looked at."""

    def __init__(self, retry_at_s: int) -> None:
        self.retry_at_s = retry_at_s
        super().__init__("Too many attempts.")


class LinkExpired(ManagementError):
    """A one-time link was used or has expired."""
