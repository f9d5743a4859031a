"""The application under Granian, which also speaks HTTP/2 in the clear; its arguments count for nothing."""

import os

from granian import Granian
from granian.constants import Interfaces

if __name__ == "__main__":
    Granian(
        "keygrove.app:from_environment",
        factory=True,
        interface=Interfaces.ASGI,
        port=int(os.environ["KEYGROVE_PORT"]),
    ).serve()
