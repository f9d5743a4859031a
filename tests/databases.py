"""Where tests get databases: files, and those of one PostgreSQL server that lives as long as the suite."""

import shutil
from pathlib import Path

from beside import Beside
from keygrove.storage import schema
from postgres import PostgresServer
from stores import PostgresStore


class Databases:
    """Each has its tables and no rows. PostgreSQL starts when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "template.db"
        self._postgres: PostgresServer | None = None
        self._template = ""
        self._kept: PostgresStore | None = None

    def file(self, folder: Path) -> Path:
        """A new SQLite file in `folder`."""
        if not self._file.exists():
            schema.migrate_sqlite(self._file)
        return Path(shutil.copy(self._file, folder / "keygrove.db"))

    def postgres(self) -> str:
        """The URL of a new PostgreSQL database."""
        server = self._server()
        return server.url(server.new_database(self._template))

    def kept_postgres(self) -> PostgresStore:
        """The same PostgreSQL database each time, emptied: a new one for every test would take too long."""
        if self._kept is None:
            self._kept = PostgresStore(self.postgres())
            self._kept.grow_only()
        self._kept.empty()
        return self._kept

    def close(self) -> None:
        """Delete what PostgreSQL kept."""
        if self._kept is not None:
            self._kept.close()
        if self._postgres is not None:
            self._postgres.remove()

    def _server(self) -> PostgresServer:
        if self._postgres is None:
            self._postgres = PostgresServer.create()
            self._postgres.start()
            self._template = self._postgres.new_database()
            with Beside() as beside:
                beside.run(schema.migrate(self._postgres.url(self._template)))
        return self._postgres
