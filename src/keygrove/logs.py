"""One JSON object a line on standard output, times in RFC 3339 UTC, and never a secret.

The floors below and other libraries log through the standard library; the values of `extra` become members of
the line. Redaction here is a belt: nobody logs secrets in the first place.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import structlog

_FIRST = ("ts", "level", "event", "request_id", "route", "status", "dur_ms", "client_id", "company", "ip")
# Names whose whole value is hidden, whatever it looks like.
_SECRET_NAMES = re.compile(r"password|secret|authorization|cookie|assertion|master_key|(^|_)tokens?$", re.I)
_PATTERNS = (
    (re.compile(r"kg_(sk|se|su|rp|rt|co)_[0-9A-Za-z]+"), r"kg_\1_<secret>"),
    (re.compile(r"eyJ[0-9A-Za-z_-]{8,}(\.[0-9A-Za-z_-]*)*"), "<token>"),
    (re.compile(r"\b(basic|bearer)\s+[0-9A-Za-z+/=._~-]{8,}", re.I), r"\1 <secret>"),
    (re.compile(r"\b(client_secret|password|secret|token|code)=[^&\s\"']+", re.I), r"\1=<secret>"),
)
_DEPTH = 6
_OF_EVERY_RECORD = {*vars(logging.makeLogRecord({})), "message", "asctime", "color_message", "event"}


def configure(level: str = "info") -> None:
    """Send every event of this process, `level` and above, to standard output."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            add_time,
            redact,
            arrange,
            to_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Bridge()], level=max(threshold, logging.INFO), force=True)
    logging.getLogger("keygrove").setLevel(threshold)
    for library in ("uvicorn", "alembic"):
        # They tell their steps at `info`; only their troubles are news.
        logging.getLogger(library).setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(True)


class _Bridge(logging.Handler):
    """Hands records of the standard library's logging to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record, its `extra` included."""
        members = {name: value for name, value in vars(record).items() if name not in _OF_EVERY_RECORD}
        if record.exc_info:
            members["exc_info"] = record.exc_info
        # uvicorn calls its general logger an error logger.
        members["logger"] = record.name.removesuffix(".error")
        # A full disk or a reader that went away must not change what anybody is answered.
        with suppress(OSError):
            structlog.get_logger().log(record.levelno, record.getMessage(), **members)


def add_time(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Adds `ts`."""
    event["ts"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hides secrets and tokens, by the name of the value or by their shape, at any depth."""
    return cast("MutableMapping[str, Any]", _redacted(event, _DEPTH))


def arrange(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Puts the usual names first, in one order; those without a value are left out."""
    first = {name: event[name] for name in _FIRST if event.get(name) is not None}
    return first | {name: value for name, value in event.items() if name not in _FIRST}


def to_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> bytes:
    """One line; values that JSON does not know are shown as text."""
    return msgspec.json.encode(event, enc_hook=lambda value: _redacted(str(value), 1))


def _redacted(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        for pattern, stand_in in _PATTERNS:
            value = pattern.sub(stand_in, value)
        # A lone surrogate from a hostile request must not break the line.
        return value.encode("utf-8", "backslashreplace").decode()
    if depth and isinstance(value, Mapping):
        return {
            str(name): "<secret>"
            if _SECRET_NAMES.search(str(name)) and inner
            else _redacted(inner, depth - 1)
            for name, inner in value.items()
        }
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_redacted(inner, depth - 1) for inner in value]
    if isinstance(value, bytes):
        return _redacted(value.decode("utf-8", "backslashreplace"), depth)
    return value if isinstance(value, int | float | bool | None) else _redacted(str(value), 0)
