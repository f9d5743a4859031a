"""`keygrove serve` with limits so short, and so few connections, that a test can wait for them."""

from keygrove.cli import serve
from keygrove.cli.main import main
from keygrove.web import connection

HEAD_S = 1.5
BODY_S = 1.5
FLUSH_S = 1.5
KEEP_ALIVE_S = 3
CONNECTIONS = 100

if __name__ == "__main__":
    connection.HEAD_TIMEOUT_S = HEAD_S
    connection.FLUSH_TIMEOUT_S = FLUSH_S
    connection.MAX_CONNECTIONS = CONNECTIONS
    connection.BODY_TIMEOUT_S = BODY_S
    serve._KEEP_ALIVE_S = KEEP_ALIVE_S
    main()
