"""What a token says of itself while nothing proves it: for the words of a refusal, and for nothing else."""

from keygrove.protocol.client_assertion import claimed


def names_another_issuer(token: str, issuer: str) -> bool:
    """Whether the claims are of an issuer, and not of this one. Anybody can have written them."""
    named = claimed(token).get("iss")
    return isinstance(named, str) and named != issuer
