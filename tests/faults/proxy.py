"""A wire between a node and its database that gets slow, silent or cut."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ports import free_port


class Proxy:
    """Forwards TCP to a port of this machine. `delay_s` slows it."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.delay_s = 0.0
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._speaking = asyncio.Event()
        self._speaking.set()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Take everything and pass on nothing; at the end every connection is reset."""
        self._loop.call_soon_threadsafe(self._speaking.clear)
        try:
            yield
        finally:
            self.cut()
            self._loop.call_soon_threadsafe(self._speaking.set)

    def cut(self) -> None:
        """Reset every connection, in the middle of whatever it carries."""

        async def abort() -> None:
            for writer in self._writers:
                writer.transport.abort()

        asyncio.run_coroutine_threadsafe(abort(), self._loop).result(5)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._writers |= ends
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(reader, far_writer))
                group.create_task(self._forward(far_reader, writer))
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self._speaking.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

    async def _serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._accept, "127.0.0.1", self.port)


@contextmanager
def proxy_to(target: int) -> Iterator[Proxy]:
    """A proxy while the block lasts."""
    proxy = Proxy(target)
    proxy._thread.start()
    server = asyncio.run_coroutine_threadsafe(proxy._serve(), proxy._loop).result(5)

    async def end() -> None:
        server.close()
        for writer in proxy._writers:
            writer.transport.abort()
        await asyncio.sleep(0.1)

    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(end(), proxy._loop).result(5)
        proxy._loop.call_soon_threadsafe(proxy._loop.stop)
        proxy._thread.join()
        proxy._loop.close()
