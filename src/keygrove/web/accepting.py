"""Accepts connections one at a time, so that workers which share a port share its clients.

A server that accepts all that wait, as event loops do, leaves none for the other workers: of clients that
come together and stay, one worker may have them all, and one core does the work of several. So a worker
that is ahead of another leaves the next connection to it for a moment.
"""

import asyncio
import logging
import mmap
import socket

import uvicorn

# When this process may open no more files: others may be able to.
_PAUSE_S = 1.0
# How far ahead of the least crowded worker one may be, and how long it then leaves a connection to others.
_LEAD = 2
_MOMENT_S = 0.002
log = logging.getLogger("keygrove.accepting")


class Crowd:
    """How many connections each worker has, in memory that they share. It is made before they fork."""

    def __init__(self, workers: int) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * workers)).cast("I")

    def note(self, place: int, connections: int) -> None:
        """Tell the others how many the worker at `place` has."""
        self._counts[place] = connections

    def is_ahead(self, place: int) -> bool:
        """Whether that worker has clearly more than another one."""
        least = min(self._counts)
        return self._counts[place] > least + max(_LEAD, least // 8)


class FairServer(uvicorn.Server):
    """uvicorn's server, which accepts by itself: one connection in each turn of the event loop.

    `place` is the worker's own in the crowd.
    """

    def __init__(self, config: uvicorn.Config, crowd: Crowd, place: int) -> None:
        super().__init__(config)
        self._crowd = crowd
        self._place = place
        self._has_waited = False
        self._arriving: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then accept from the sockets, which listen and do not block."""
        await super().startup(sockets=[])
        self._count()
        for listener in sockets or []:
            self._watch(listener)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second, also tell how many connections are left."""
        self._count()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, then let uvicorn finish what is under way."""
        for listener in sockets or []:
            asyncio.get_running_loop().remove_reader(listener)
        await super().shutdown(sockets)

    def _watch(self, listener: socket.socket) -> None:
        if not self.should_exit:
            asyncio.get_running_loop().add_reader(listener, self._accept_one, listener)

    def _accept_one(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._count()
        if self._crowd.is_ahead(self._place) and not self._has_waited:
            self._has_waited = True
            loop.remove_reader(listener)
            loop.call_later(_MOMENT_S, self._watch, listener)
            return
        self._has_waited = False
        try:
            arrived, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # Another worker was faster, or the client is gone.
        except OSError as error:
            log.error("cannot accept a connection", extra={"reason": str(error)})
            loop.remove_reader(listener)
            loop.call_later(_PAUSE_S, self._watch, listener)
            return
        arrived.setblocking(False)
        task = loop.create_task(self._serve_one(arrived))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    def _count(self) -> None:
        self._crowd.note(self._place, len(self.server_state.connections) + len(self._arriving))

    async def _serve_one(self, arrived: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._new_connection, arrived)
        except OSError:
            arrived.close()

    def _new_connection(self) -> asyncio.Protocol:
        connection: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return connection
