"""A Keygrove in this process on a real database, whose clock tests set."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keygrove.config.loading import load
from keygrove.house import House, open_house, prepare
from management.conftest import Clock
from stores import Store


@pytest.fixture
def anyio_backend() -> str:
    """The event loop we run on."""
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    """The platform's clock."""
    return Clock()


@pytest.fixture
async def house(store: Store, clock: Clock, tmp_path: Path, anyio_backend: str) -> AsyncIterator[House]:
    """Everything wired, without a server in front."""
    config = load(
        environ={
            "KEYGROVE_DATABASE": store.url,
            "KEYGROVE_DATA_DIR": str(tmp_path / "data"),
            "KEYGROVE_ISSUER": "https://issuer.example",
        },
        folder=tmp_path,
    )
    await prepare(config)
    opened = await open_house(config, clock=clock)
    yield opened
    await opened.database.close()
