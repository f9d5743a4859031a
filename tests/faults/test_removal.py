"""A key that was removed: nothing is issued for it from the acknowledgement on, anywhere."""

import time
from contextlib import closing

from faults.load import Client, asking
from faults.nodes import KILLS, Node
from keygrove.management import integrations
from keygrove.management.context import OPERATOR


def remove(node: Node, client_id: str) -> None:
    """Remove a key on a node's database."""
    node.manage(lambda m: integrations.remove_key(m, OPERATOR, node.company_id, client_id))


def test_f19_a_key_removed_on_one_node_is_refused_by_the_other_at_once(alpha: Node, beta: Node) -> None:
    """There is no cache, and no message between them that could be late or lost."""
    for _ in range(3):
        key = alpha.new_key()
        with closing(Client(beta, key)) as client:
            assert client.ask().is_token
            remove(alpha, key.client_id)
            refused = client.ask()
            assert (refused.status, refused.error) == (401, "invalid_client")


def test_f38_nothing_is_issued_after_the_removal_was_acknowledged(node: Node) -> None:
    """While clients ask without a pause, on every worker."""
    for _ in range(max(2, KILLS // 30)):
        key = node.new_key()
        with asking(node, key, clients=6) as load:
            remove(node, key.client_id)
            acknowledged = time.monotonic()
            while len(load.since(acknowledged)) <= 6 or time.monotonic() - acknowledged < 0.5:
                assert time.monotonic() - acknowledged < 20, load.answers[-3:]
                time.sleep(0.05)
        after = load.since(acknowledged)
        assert {(answer.status, answer.error) for answer in after} == {(401, "invalid_client")}


def test_f38_other_keys_go_on_meanwhile(node: Node) -> None:
    """A removal is between one key and us."""
    with asking(node, node.new_key()) as load:
        for _ in range(2):
            remove(node, node.new_key().client_id)
    assert all(answer.is_token for answer in load.answers)
