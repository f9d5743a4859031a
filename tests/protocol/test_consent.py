"""What comes next at the authorization endpoint: OpenID Connect Core §3.1.2.1 to §3.1.2.4, RFC 6749 §4.1."""

from dataclasses import replace

from keygrove.protocol.authorization import AuthorizationRequest
from keygrove.protocol.authorization_grant import AuthorizationGrant
from keygrove.protocol.claims import HintedPerson
from keygrove.protocol.consent import (
    SENSITIVE_WITHIN_S,
    AskConsent,
    ChooseCompany,
    CompanyChoice,
    Consent,
    Decision,
    Deny,
    Explain,
    Facts,
    Grant,
    Interaction,
    SignedIn,
    SignIn,
    decide_authorization,
)
from keygrove.protocol.scope import Scope
from protocol.asking import APP, AUDIENCE, CALLBACK, CHALLENGE, ask

NOW = 1_700_000_000
ANA = SignedIn(
    subject="ana", auth_time=NOW - 100, proved_at=NOW - 100, amr=("pwd",), acr="1", session_id="sid1"
)
EVERYTHING = frozenset({"openid", "booking.read"})
ACME = CompanyChoice("acme", may_grant=True)
BETA = CompanyChoice("beta", may_grant=True)
CONNECTED = replace(ACME, allowed=EVERYTHING)
ALLOWED = Interaction(allowed=Consent("ana", "acme", EVERYTHING))
SIGNED_IN = Interaction(signed_in="sid1")
HINTED = HintedPerson("ana", "app", "acme")


def decide(
    asked: AuthorizationRequest,
    *companies: CompanyChoice,
    signed_in: SignedIn | None = ANA,
    hint: HintedPerson | None = None,
    done: Interaction | None = None,
) -> Decision:
    """What comes next for Ana, who is an admin of Acme that is not connected, unless it is said otherwise."""
    facts = Facts(
        signed_in=signed_in, companies=companies or (ACME,), hint=hint, interaction=done or Interaction()
    )
    return decide_authorization(asked, facts, now=NOW, grant_id="g1")


def denied(decision: Decision) -> str:
    """The code of the error that is sent to the client; empty when none is."""
    return decision.error.code if isinstance(decision, Deny) else ""


class TestWalk:
    """From the first request to the code: RFC 6749 §4.1."""

    def test_each_step_follows_from_the_facts(self) -> None:
        """Sign in, choose the company, allow; then a code for exactly that."""
        asked = ask(nonce="n1")
        assert decide(asked, signed_in=None) == SignIn("no session")
        assert decide(asked, ACME, BETA, done=SIGNED_IN) == ChooseCompany(("acme", "beta"))
        chosen = Interaction(signed_in="sid1", company_id="acme")
        new = ("openid", "booking.read")
        assert decide(asked, ACME, BETA, done=chosen) == AskConsent("acme", Scope(new), new)
        granted = decide(asked, ACME, BETA, done=replace(chosen, allowed=ALLOWED.allowed))
        assert isinstance(granted, Grant)
        assert granted.consent == ALLOWED.allowed
        assert granted.code.grant == AuthorizationGrant(
            grant_id="g1", client_id="app", subject="ana", company_id="acme", audience=AUDIENCE,
            scope=Scope(new), auth_time=NOW - 100, amr=("pwd",), acr="1", session_id="sid1", nonce="n1",
        )  # fmt: skip
        assert (granted.code.redirect_uri, granted.code.code_challenge) == (CALLBACK, CHALLENGE)
        assert (granted.code.expires_at, granted.code.spent) == (NOW + 60, False)

    def test_the_only_company_needs_no_choice(self) -> None:
        """And what was allowed before needs no question; there is no new consent to remember."""
        decision = decide(ask(), CONNECTED)
        assert isinstance(decision, Grant)
        assert (decision.code.grant.company_id, decision.consent) == ("acme", None)

    def test_a26_who_leaves_denies(self) -> None:
        """Whatever else was done; also when the second sign-in was asked for."""
        left = replace(ALLOWED, cancelled=True)
        assert denied(decide(ask(), done=left)) == "access_denied"
        assert denied(decide(ask(prompt="login"), CONNECTED, done=left)) == "access_denied"


class TestOptionalScope:
    """What an app can do without: less may be granted than was asked for (RFC 6749 §3.3)."""

    APP = replace(APP, optional_scope=Scope(("event.read",)))
    WIDE = "openid booking.read event.read"

    def test_it_may_be_left_out(self) -> None:
        """The grant is what was allowed, and the answer says so."""
        asked = ask(self.APP, scope=self.WIDE)
        question = decide(asked)
        assert isinstance(question, AskConsent)
        assert question.optional == {"event.read"}
        granted = decide(asked, done=ALLOWED)
        assert isinstance(granted, Grant)
        assert granted.consent == ALLOWED.allowed
        assert granted.code.grant.scope == Scope(("openid", "booking.read"))
        both = replace(ALLOWED, allowed=Consent("ana", "acme", EVERYTHING | {"event.read"}))
        granted = decide(asked, done=both)
        assert isinstance(granted, Grant)
        assert str(granted.code.grant.scope) == self.WIDE

    def test_what_was_left_out_is_asked_again_on_request_only(self) -> None:
        """Nobody is asked at each visit for what they do not want to give."""
        again = decide(ask(self.APP, scope=self.WIDE), CONNECTED)
        assert isinstance(again, Grant)
        assert str(again.code.grant.scope) == "openid booking.read"
        assert isinstance(decide(ask(self.APP, scope=self.WIDE, prompt="none"), CONNECTED), Grant)
        question = decide(ask(self.APP, scope=self.WIDE, prompt="consent"), CONNECTED)
        assert isinstance(question, AskConsent)
        assert question.new == ("event.read",)
        assert question.optional == {"event.read"}

    def test_what_is_needed_must_be_allowed_and_something_must_be(self) -> None:
        """Also when all of it is optional."""
        only_event = replace(ALLOWED, allowed=Consent("ana", "acme", frozenset({"event.read"})))
        assert isinstance(decide(ask(self.APP, scope=self.WIDE), done=only_event), AskConsent)
        nothing = replace(ALLOWED, allowed=Consent("ana", "acme", frozenset()))
        assert isinstance(decide(ask(self.APP, scope="event.read"), done=nothing), AskConsent)
        assert isinstance(decide(ask(self.APP, scope="event.read"), done=only_event), Grant)


class TestSigningIn:
    """`prompt`, `max_age`, `id_token_hint`, `claims`: OIDC Core §3.1.2.1, §3.1.2.3, §5.5.1."""

    def test_a26_a_new_sign_in_is_asked_for_until_there_is_one(self) -> None:
        """By `prompt=login`, and by `max_age` when the last one is too long ago; zero means now."""
        just_now, ahead = replace(ANA, auth_time=NOW), replace(ANA, auth_time=NOW + 61)
        for asked, person, expected in [
            (ask(prompt="login"), just_now, SignIn("asked to")),
            (ask(max_age="99"), ANA, SignIn("too long ago")),
            (ask(max_age="0"), just_now, SignIn("too long ago")),
            (ask(max_age="99"), ahead, SignIn("too long ago")),
            (ask(prompt="select_account"), just_now, SignIn("choose an account")),
        ]:
            assert decide(asked, CONNECTED, signed_in=person) == expected
            assert isinstance(decide(asked, CONNECTED, signed_in=person, done=SIGNED_IN), Grant)
        assert isinstance(decide(ask(max_age="100"), CONNECTED), Grant)
        a_little_ahead = replace(ANA, auth_time=NOW + 60)
        assert isinstance(decide(ask(max_age="100"), CONNECTED, signed_in=a_little_ahead), Grant)

    def test_what_another_session_did_counts_for_nothing(self) -> None:
        """Somebody who signs in in another tab meanwhile has not answered this request."""
        elsewhere = replace(ANA, session_id="sid2", auth_time=NOW)
        assert decide(ask(prompt="login"), signed_in=elsewhere, done=SIGNED_IN) == SignIn("asked to")
        kept = Interaction(chose_account="sid1")
        asked = ask(prompt="select_account")
        assert decide(asked, signed_in=elsewhere, done=kept) == SignIn("choose an account")

    def test_an_account_may_be_kept_when_one_must_be_chosen(self) -> None:
        """Without a new sign-in, unless that was asked for too."""
        kept = Interaction(chose_account="sid1")
        assert isinstance(decide(ask(prompt="select_account"), CONNECTED, done=kept), Grant)
        assert decide(ask(prompt="select_account login"), CONNECTED, done=kept) == SignIn("asked to")

    def test_with_prompt_none_nobody_is_asked(self) -> None:
        """Each page that would be needed has its error (§3.1.2.6)."""
        silent = ask(prompt="none")
        auditor = CompanyChoice("acme", may_grant=False, allowed=EVERYTHING)
        assert denied(decide(silent, signed_in=None)) == "login_required"
        assert denied(decide(ask(prompt="none", max_age="99"), CONNECTED)) == "login_required"
        assert denied(decide(silent)) == "consent_required"
        assert denied(decide(silent, auditor)) == "interaction_required"
        assert (
            denied(decide(silent, CONNECTED, replace(BETA, allowed=EVERYTHING)))
            == "account_selection_required"
        )
        assert denied(decide(silent, ACME, BETA)) == "account_selection_required"
        assert isinstance(decide(silent, CONNECTED), Grant)

    def test_with_prompt_none_the_one_connected_company_is_meant(self) -> None:
        """Or the one that the hint names."""
        decision = decide(ask(prompt="none"), CONNECTED, BETA)
        assert isinstance(decision, Grant)
        both = (CONNECTED, replace(BETA, allowed=EVERYTHING))
        hinted = ask(prompt="none", id_token_hint="x")
        decision = decide(hinted, *both, hint=replace(HINTED, company_id="beta"))
        assert isinstance(decision, Grant)
        assert decision.code.grant.company_id == "beta"
        assert isinstance(decide(hinted, CONNECTED, hint=replace(HINTED, company_id=None)), Grant)

    def test_a29_a_hint_that_is_no_id_token_of_this_client_is_refused(self) -> None:
        """It signs nobody in, and neither does a good one."""
        for hint in (None, replace(HINTED, client_id="other")):
            for person in (None, ANA):
                decision = decide(ask(id_token_hint="x"), CONNECTED, signed_in=person, hint=hint)
                assert denied(decision) == "invalid_request"
        assert decide(ask(id_token_hint="x"), signed_in=None, hint=HINTED) == SignIn("no session")

    def test_a29_somebody_else_than_the_hinted_person_must_sign_in(self) -> None:
        """If it is still somebody else then, the client is told."""
        for asked, hint in [
            (ask(id_token_hint="x"), replace(HINTED, subject="bob")),
            (ask(claims='{"id_token":{"sub":{"value":"bob"}}}'), None),
            (ask(id_token_hint="x", claims='{"id_token":{"sub":{"value":"bob"}}}'), HINTED),
        ]:
            assert decide(asked, CONNECTED, hint=hint) == SignIn("another account")
            assert denied(decide(asked, CONNECTED, hint=hint, done=SIGNED_IN)) == "login_required"
        silent = ask(prompt="none", id_token_hint="x")
        assert denied(decide(silent, CONNECTED, hint=replace(HINTED, subject="bob"))) == "login_required"

    def test_an_acr_that_is_insisted_on_must_be_met(self) -> None:
        """§5.5.1.1; one that is only wished for need not."""
        claims = '{{"id_token":{{"acr":{{"essential":true,"values":["{}"]}}}}}}'
        assert (
            denied(decide(ask(claims=claims.format("9")), CONNECTED)) == "unmet_authentication_requirements"
        )
        assert isinstance(decide(ask(claims=claims.format("1")), CONNECTED), Grant)
        assert isinstance(decide(ask(acr_values="9"), CONNECTED), Grant)


class TestSensitiveScope:
    """What is given only by somebody who is surely who they are: a step-up of our own (RFC 9470 §1)."""

    LONG_AGO = replace(ANA, proved_at=NOW - SENSITIVE_WITHIN_S - 1)
    NEWLY = replace(ANA, session_id="sid2", auth_time=NOW, proved_at=NOW)
    WRITE = Interaction(allowed=Consent("ana", "acme", EVERYTHING | {"booking.write"}))

    @staticmethod
    def ask(**changes: str | None) -> AuthorizationRequest:
        """Ask for what is sensitive of this API, to write."""
        asked = ask(**{"scope": "openid booking.read booking.write", **changes})
        return replace(asked, api=replace(asked.api, sensitive=frozenset({"booking.write"})))

    def test_it_is_asked_of_somebody_who_proved_lately_who_they_are(self) -> None:
        """To the second; a session that was confirmed is as good as a new one."""
        decision = decide(self.ask(), CONNECTED, signed_in=self.LONG_AGO)
        assert decision == SignIn("sensitive scope")
        confirmed = replace(ANA, auth_time=1, proved_at=NOW - SENSITIVE_WITHIN_S)
        for person in (confirmed, ANA, self.NEWLY):
            assert isinstance(decide(self.ask(), CONNECTED, signed_in=person), AskConsent)

    def test_after_signing_in_one_goes_on(self) -> None:
        """However long it takes from there: nobody is sent round in a circle."""
        slow = replace(self.LONG_AGO, auth_time=NOW - 1000)
        assert isinstance(decide(self.ask(), signed_in=slow, done=SIGNED_IN), AskConsent)
        allowed = replace(self.WRITE, signed_in="sid1")
        assert isinstance(decide(self.ask(), signed_in=slow, done=allowed), Grant)
        elsewhere = replace(allowed, signed_in="sid2")
        assert decide(self.ask(), signed_in=slow, done=elsewhere) == SignIn("sensitive scope")

    def test_a_yes_counts_after_the_sign_in_too(self) -> None:
        """Where the sign-in was forgotten while the page was open, or the app disconnected."""
        assert decide(self.ask(), signed_in=self.LONG_AGO, done=self.WRITE) == SignIn("sensitive scope")
        again = replace(self.WRITE, signed_in="sid2")
        assert isinstance(decide(self.ask(), signed_in=self.NEWLY, done=again), Grant)

    def test_what_is_allowed_already_needs_none(self) -> None:
        """Nor does what is not sensitive, or is optional and not asked about."""
        wide = replace(CONNECTED, allowed=EVERYTHING | {"booking.write"})
        assert isinstance(decide(self.ask(), wide, signed_in=self.LONG_AGO), Grant)
        assert isinstance(decide(self.ask(prompt="consent"), wide, signed_in=self.LONG_AGO), AskConsent)
        assert isinstance(decide(self.ask(scope="openid booking.read"), signed_in=self.LONG_AGO), AskConsent)
        asked = self.ask()
        optional = replace(asked, client=replace(asked.client, optional_scope=Scope(("booking.write",))))
        assert isinstance(decide(optional, CONNECTED, signed_in=self.LONG_AGO), Grant)
        assert isinstance(decide(optional, signed_in=self.LONG_AGO), SignIn)

    def test_with_prompt_none_the_consent_is_what_is_missing(self) -> None:
        """OIDC Core §3.1.2.6; who is signed in is, however long ago."""
        silent = self.ask(prompt="none")
        for person in (self.LONG_AGO, ANA):
            assert denied(decide(silent, CONNECTED, signed_in=person)) == "consent_required"


class TestCompany:
    """For which company: the person's choice, within what their role may do."""

    def test_a41_who_may_not_connect_apps_is_told_so(self) -> None:
        """Also when it was allowed before; the way back carries `access_denied`."""
        for choice in (CompanyChoice("acme", False), CompanyChoice("acme", False, EVERYTHING)):
            decision = decide(ask(), choice)
            assert isinstance(decision, Explain)
            assert decision.error.code == "access_denied"

    def test_only_companies_of_which_they_may_dispose_are_offered(self) -> None:
        """The others do not appear."""
        companies = (ACME, CompanyChoice("gone", may_grant=False), BETA)
        assert decide(ask(), *companies) == ChooseCompany(("acme", "beta"))

    def test_a42_a_company_that_is_lost_meanwhile_is_not_replaced_by_another(self) -> None:
        """It is asked again, although only one is left."""
        connected = replace(BETA, allowed=EVERYTHING)
        for done, hint in [(Interaction(company_id="acme"), None), (Interaction(), HINTED)]:
            asked = ask(id_token_hint=None if hint is None else "x")
            assert decide(asked, connected, done=done, hint=hint) == ChooseCompany(("beta",))
        silent = ask(prompt="none", id_token_hint="x")
        assert denied(decide(silent, connected, hint=HINTED)) == "account_selection_required"

    def test_a_choice_is_made_anew_when_an_account_is_chosen(self) -> None:
        """The hint's company is that of the last time."""
        asked = ask(prompt="select_account", id_token_hint="x")
        decision = decide(asked, CONNECTED, BETA, hint=HINTED, done=SIGNED_IN)
        assert decision == ChooseCompany(("acme", "beta"))


class TestConsent:
    """What is allowed: RFC 6749 §3.3 and §10.12, OIDC Core §3.1.2.4 and §11."""

    def test_a43_what_is_new_is_asked_for_and_marked(self) -> None:
        """All of it is shown; the new consent is what was shown, and nothing that was allowed besides."""
        asked = ask(scope="openid booking.read booking.write")
        decision = decide(asked, CONNECTED)
        assert decision == AskConsent("acme", asked.scope, ("booking.write",))
        partly = Interaction(allowed=Consent("ana", "acme", EVERYTHING))
        assert decide(asked, CONNECTED, done=partly) == decision
        kept = replace(CONNECTED, allowed=EVERYTHING | {"profile"})
        wholly = Interaction(allowed=Consent("ana", "acme", EVERYTHING | {"booking.write", "event.read"}))
        granted = decide(asked, kept, done=wholly)
        assert isinstance(granted, Grant)
        assert granted.consent == Consent("ana", "acme", EVERYTHING | {"booking.write"})

    def test_a_yes_never_brings_back_what_was_taken_back_meanwhile(self) -> None:
        """The app was disconnected while the page was open; nor does it give what was left out elsewhere."""
        optional = replace(APP, optional_scope=Scope(("event.read",)))
        asked = ask(optional, scope="openid booking.read event.read")
        for choice in (ACME, replace(CONNECTED, allowed=EVERYTHING | {"event.read", "profile"})):
            granted = decide(asked, choice, done=ALLOWED)
            assert isinstance(granted, Grant)
            assert granted.consent == ALLOWED.allowed
            assert str(granted.code.grant.scope) == "openid booking.read"

    def test_what_somebody_else_allowed_or_for_another_company_does_not_count(self) -> None:
        """Two tabs, two people, two companies."""
        for given in (Consent("bob", "acme", EVERYTHING), Consent("ana", "beta", EVERYTHING)):
            assert isinstance(decide(ask(), done=Interaction(allowed=given)), AskConsent)

    def test_prompt_consent_asks_again(self) -> None:
        """Nothing of it is new."""
        asked = ask(prompt="consent")
        assert decide(asked, CONNECTED) == AskConsent("acme", asked.scope, ())
        assert isinstance(decide(asked, CONNECTED, done=ALLOWED), Grant)

    def test_an_app_that_any_program_can_pose_as_asks_each_time(self) -> None:
        """A public client on loopback or with its own scheme (RFC 8252 §8.6)."""
        native = replace(
            APP, public=True, application_type="native", redirect_uris=("http://127.0.0.1/cb", CALLBACK)
        )
        asked = ask(native, redirect_uri="http://127.0.0.1:7000/cb")
        assert decide(asked, CONNECTED) == AskConsent("acme", asked.scope, ())
        granted = decide(asked, CONNECTED, done=ALLOWED)
        assert isinstance(granted, Grant)
        assert granted.code.redirect_uri == "http://127.0.0.1:7000/cb"
        assert isinstance(decide(ask(native), CONNECTED), Grant)
        proved = ask(replace(native, public=False), redirect_uri="http://127.0.0.1/cb")
        assert isinstance(decide(proved, CONNECTED), Grant)

    def test_one_spelling_of_offline_allows_the_other(self) -> None:
        """Access while away is one thing (OIDC Core §11)."""
        allowed = replace(ACME, allowed=EVERYTHING | {"offline"})
        decision = decide(ask(scope="openid offline_access"), allowed)
        assert isinstance(decision, Grant)
        assert decision.code.grant.is_lasting
        assert decide(ask(scope="offline"), CONNECTED) == AskConsent(
            "acme", Scope(("offline",)), ("offline",)
        )

    def test_a_claim_asked_for_by_name_needs_its_scope_allowed(self) -> None:
        """The token's scope stays what was asked for (OIDC Core §5.5)."""
        asked = ask(claims='{"id_token":{"name":null}}')
        assert decide(asked, CONNECTED) == AskConsent("acme", asked.to_be_allowed(), ("profile",))
        decision = decide(asked, replace(ACME, allowed=EVERYTHING | {"profile"}))
        assert isinstance(decision, Grant)
        assert decision.code.grant.id_token_claims == {"name"}
        assert str(decision.code.grant.scope) == "openid booking.read"
