"""S07: the key is ready. The Secret Key passes through here once, and is kept nowhere."""

from starlette.responses import Response

from keygrove.backoffice.examples import dotenv, examples
from keygrove.backoffice.here import Here
from keygrove.backoffice.keys import view
from keygrove.backoffice.rendering import page
from keygrove.backoffice.secret_gone import Gone, secret_gone
from keygrove.backoffice.times import moment
from keygrove.management.creations import ClientListing
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
        dotenv=dotenv(issuer=here.m.issuer, client_id=key.client_id, client_secret=secret),
        snippets=examples(
            token_url=here.token_url,
            audience=key.audience,
            scope=scope_of(key),
            client_id=key.client_id,
            client_secret=secret,
        ),
        token_url=here.token_url,
    )


def already_created(here: Here, made: ClientListing) -> Response:
    """The answer to the same form sent again."""
    gone = Gone(
        title=("Key created", "Integrations"),
        section="keys",
        heading=f"This key was created at {moment(made.created_at_s, here.m.now()).clock}.",
        name=made.client_name,
        words="exists once; sending the form again changed nothing. If nobody stored the Secret Key, "
        "remove this key and create a new one.",
        view=("View the key", f"{here.keys_url}/{made.client_id}"),
        all=("All keys", here.keys_url),
    )
    return secret_gone(here, gone)


def scope_of(key: IntegrationKey) -> str:
    """What the examples ask for: all of the key's permissions, and `openid` as the reference does."""
    return " ".join(("openid", *key.permissions))
