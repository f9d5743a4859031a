"""S07: the key is ready. The Secret Key passes through here once, and is kept nowhere."""

from starlette.responses import Response

from keygrove.backoffice.examples import dotenv, examples
from keygrove.backoffice.here import Here
from keygrove.backoffice.keys import view
from keygrove.backoffice.rendering import page
from keygrove.backoffice.times import moment
from keygrove.management.integrations import IntegrationKey, NewKey


def key_ready(here: Here, new: NewKey) -> Response:
    """The answer to the form that made the key."""
    key, secret = new.key, new.client_secret.reveal()
    return page(
        "key_ready",
        here.shell,
        "Your key is ready",
        "Integrations",
        key=view(here, key),
        secret=secret,
        dotenv=dotenv(client_id=key.client_id, client_secret=secret),
        snippets=examples(
            token_url=here.token_url,
            audience=key.audience,
            scope=scope_of(key),
            client_id=key.client_id,
            client_secret=secret,
        ),
        token_url=here.token_url,
    )


def already_created(here: Here, key: IntegrationKey) -> Response:
    """The answer to the same form sent again: the key stands, its secret is gone."""
    return page(
        "key_already",
        here.shell,
        "Key created",
        "Integrations",
        name=key.name,
        created=moment(key.created_at_s, here.m.now()),
        url=view(here, key).url,
        keys_url=here.keys_url,
    )


def scope_of(key: IntegrationKey) -> str:
    """What the examples ask for: all of the key's permissions, and `openid` as the reference does."""
    return " ".join(("openid", *key.permissions))
