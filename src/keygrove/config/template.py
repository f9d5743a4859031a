"""The commented keygrove.toml that `keygrove init` writes."""

import json

from keygrove.config.settings import SETTINGS
from keygrove.management.catalogue import SAMPLE, ApiListing

_HEAD = """\
# Configuration of Keygrove. A line that begins with # shows an example; remove the # to set the value.
# Environment variables win over this file: KEYGROVE_PORT over port. `keygrove config check` shows what holds.
"""
_CATALOGUE = """
# The catalogue: your APIs, and the permissions that a key can have on each one.
# token_type is at+jwt (RFC 9068), or JWT for verifiers that know nothing else.
# signing_algorithm is RS256, or ES256: smaller and faster to sign, if every verifier of the API knows it.
# With sensitive = true an app is allowed it only by somebody who signed in within the last 5 minutes.
"""


def template() -> str:
    """The text of the file."""
    parts = [_HEAD]
    for setting in SETTINGS:
        if setting.secret:
            parts.append(
                f"\n# {setting.name} is a secret: set {setting.variable}, or {setting.variable}_FILE.\n"
            )
        else:
            shown = setting.default if setting.example is None else setting.example
            parts.append(f"\n# {setting.meaning}\n# {setting.name} = {json.dumps(shown)}\n")
    parts.append(_CATALOGUE)
    parts.extend(_api(api) for api in SAMPLE.apis)
    return "".join(parts)


def _api(api: ApiListing) -> str:
    lines = ["", "[[api]]", _line("audience", api.audience), _line("name", api.name)]
    lines.append(_line("token_type", api.token_type))
    lines.append(_line("signing_algorithm", api.signing_algorithm))
    for row in api.permissions:
        lines += [
            "",
            "[[api.permission]]",
            _line("resource", row.resource),
            _line("description", row.description),
        ]
        lines += [_line(level, scope) for level, scope in (("read", row.read), ("write", row.write)) if scope]
        lines += ["sensitive = true"] if row.sensitive else []
    return "\n".join(lines) + "\n"


def _line(name: str, text: str) -> str:
    return f"{name} = {json.dumps(text, ensure_ascii=False)}"
