"""What the installed `keygrove` command runs. The SDK alone brings it too, without what it needs."""

import sys


def main() -> None:
    """Run the command line, or say what to install for it."""
    try:
        import typer
    except ModuleNotFoundError:
        sys.exit("keygrove: The command line needs the server: pip install 'keygrove[server]'")
    del typer
    from keygrove.cli.main import main as run

    run()
