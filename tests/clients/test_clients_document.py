"""docs/clients.md says what these tests see, and nothing else."""

from clients.roster import CLIENTS, ROOT, chosen, left_out, table


def test_the_table_of_clients_is_true() -> None:
    """It is the roster's, line by line, with the versions that are locked."""
    page = (ROOT / "docs" / "clients.md").read_text()
    first, *_ = [part for part in page.split("\n\n") if part.startswith("|")]
    assert first.splitlines() == table().splitlines()


def test_every_client_runs_or_is_told_of() -> None:
    """None is left out silently."""
    told = " ".join(left_out())
    names = {client.name for client in chosen()}
    assert [client.name for client in CLIENTS if client.name not in names and client.name not in told] == []
