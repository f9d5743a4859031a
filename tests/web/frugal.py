"""`keygrove serve` that cannot sign tokens and cannot hash passwords: whatever needs either fails loudly."""

from typing import NoReturn

from keygrove.cli.main import main
from keygrove.crypto.jose import Keyring
from keygrove.crypto.passwords import Passwords


def _too_dear(*_arguments: object, **_named: object) -> NoReturn:
    raise RuntimeError("this costs too much for a request that is refused")


if __name__ == "__main__":
    Keyring.sign = _too_dear  # type: ignore[method-assign]
    Passwords.verify = _too_dear  # type: ignore[method-assign]
    Passwords.hash = _too_dear  # type: ignore[method-assign]
    main()
