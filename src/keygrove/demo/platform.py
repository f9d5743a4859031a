"""What a platform tells whoever writes an app for it: the API's audience and its permissions."""

from typing import Final

AUDIENCE: Final = "https://api.understory.io"
MARKETING_READ: Final = "marketing.read"
