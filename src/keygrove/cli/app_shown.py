"""How commands show an app."""

from typing import TYPE_CHECKING, Any

from keygrove.cli.output import members, table, time_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keygrove.management.apps import App
    from keygrove.management.missed_sign_outs import MissedSignOut


def value_of(app: "App") -> dict[str, Any]:
    """An app as JSON has it."""
    from keygrove.management.app_details import revision_of

    return {
        "client_id": app.client_id,
        "name": app.name,
        "state": app.state,
        "company_id": app.company_id,
        "audience": app.audience,
        "permissions": list(app.scope.tokens),
        "optional_permissions": list(app.optional_scope.tokens),
        "reasons": dict(app.reasons),
        "application_type": app.application_type,
        "public": app.public,
        "signs": app.jwks is not None,
        "require_pkce": app.require_pkce,
        "redirect_uris": list(app.redirect_uris),
        "post_logout_redirect_uris": list(app.post_logout_redirect_uris),
        "backchannel_logout_uri": app.backchannel_logout_uri,
        "description": app.description,
        "logo_uri": app.logo_uri,
        "policy_uri": app.policy_uri,
        "tos_uri": app.tos_uri,
        "owner": app.owner,
        "contact_email": app.contact_email,
        "created_at": time_text(app.created_at_s),
        "created_by": app.created_by,
        "updated_at": time_text(app.updated_at_s),
        "revision": revision_of(app),
        "submitted_at": time_text(app.submitted_at_s),
        "verified_at": time_text(app.verified_at_s),
    }


def text_of(app: "App") -> str:
    """An app as people read it: all that a review needs."""
    from keygrove.management.app_details import revision_of
    from keygrove.management.app_keys import key_ids

    proof = "public" if app.public else "confidential" if app.has_secret else "signs"
    lines = [
        ("Name", app.name),
        ("Client ID", app.client_id),
        ("State", state_of(app)),
        ("Company", app.company_id),
        ("Kind", f"{app.application_type}, {proof}"),
        ("PKCE", "required" if app.require_pkce else "not required"),
        ("API", app.audience),
        *(("Permission", _permission(app, scope)) for scope in app.scope.tokens),
        *(("Optional", _permission(app, scope)) for scope in app.optional_scope.tokens),
        *(("Redirect URI", uri) for uri in app.redirect_uris),
        *(("After sign-out", uri) for uri in app.post_logout_redirect_uris),
        ("Told of sign-outs", app.backchannel_logout_uri or ""),
        ("Signs with", ", ".join(key_ids(app.jwks))),
        ("Description", app.description),
        ("Logo", app.logo_uri or ""),
        ("Privacy policy", app.policy_uri or ""),
        ("Terms", app.tos_uri or ""),
        ("Owner", app.owner),
        ("Contact", app.contact_email),
        ("Created", f"{time_text(app.created_at_s)} by {app.created_by}"),
        ("Submitted", time_text(app.submitted_at_s) or ""),
        ("Revision", revision_of(app)),
        ("Verified", time_text(app.verified_at_s) or ""),
    ]
    return members([(name, value) for name, value in lines if value])


def missed_value(one: "MissedSignOut") -> dict[str, Any]:
    """A sign-out of which an app was not told, as JSON has it."""
    return {"at": time_text(one.at_s), "reason": one.reason, "attempts": one.attempts}


def missed_text(missed: "Sequence[MissedSignOut]") -> list[str]:
    """The sign-outs of which an app was not told, as people read them; nothing when there are none."""
    if not missed:
        return []
    rows = [(time_text(one.at_s) or "", str(one.attempts), one.reason) for one in missed]
    return ["", "It was not told of these sign-outs:", "", table(["GIVEN UP", "ATTEMPTS", "WHY"], rows)]


def state_of(app: "App") -> str:
    """The state in words."""
    return app.state.replace("_", " ")


def _permission(app: "App", scope: str) -> str:
    reason = app.reasons.get(scope, "")
    return f"{scope}: {reason}" if reason else scope
