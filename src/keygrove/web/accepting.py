"""Accepts connections one at a time, so that workers which share a port share its clients.

A server that accepts all that wait, as event loops do, leaves none for the other workers: of clients that
come together and stay, one worker may have them all, and one core does the work of several.
"""

import asyncio
import logging
import socket

import uvicorn

# When this process may open no more files: others may be able to.
_PAUSE_S = 1.0
log = logging.getLogger("keygrove.accepting")


class FairServer(uvicorn.Server):
    """uvicorn's server, which accepts by itself: one connection in each turn of the event loop."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the application, then accept from the sockets, which listen and do not block."""
        await super().startup(sockets=[])
        self._arriving: set[asyncio.Task[None]] = set()
        for listener in sockets or []:
            self._watch(listener)

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
