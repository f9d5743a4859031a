"""`keygrove serve` that reads its signing keys anew several times a second, for tests that wait for it."""

from keygrove import app
from keygrove.cli.main import main

RELOAD_S = 0.2

if __name__ == "__main__":
    app.RELOAD_S = RELOAD_S
    main()
