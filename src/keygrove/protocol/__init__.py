"""The RFCs as pure functions: a request and the facts go in, a decision comes out.

    message                Request and Response values, form decoding
    errors                 one class per registered error code
    network                which addresses count as one
    scope                  what a key may do (RFC 6749 §3.3)
    resource               which API a token is for (RFC 8707)
    client                 what a client is (RFC 7591 names)
    redirect               which redirect URIs are a client's (RFC 8252, RFC 9700)
    pkce                   proof key for code exchange (RFC 7636)
    client_authentication  do the credentials prove this client (RFC 6749 §2.3)
    authorization          the authorization request, in two stages (RFC 6749 §4.1.1, OIDC Core §3.1.2)
    claims_request         which claims it asks for by name (OIDC Core §5.5)
    consent                what comes next: a page, an error or a code (OIDC Core §3.1.2)
    authorization_grant    what a person allowed, and whether it still stands (RFC 6749 §1.3)
    response_mode          how it is answered (RFC 6749 §4.1.2, RFC 9207)
    token                  the token endpoint's shared phases (RFC 6749 §3.2)
    grants/                the rule of each grant type
    person                 what there is to tell of a person (OIDC Core §5.1)
    claims                 what access token and ID token say (RFC 9068, OIDC Core §2)
    bearer                 a token in a request, and the challenge that refuses it (RFC 6750)
    live_token             whether an access token still counts
    userinfo               what a client may know about a person (OIDC Core §5)
    introspection          what an API may know of a token (RFC 7662)
    revocation             what ends when a client gives up a token (RFC 7009)
    cross_origin           which pages may read what a client is answered (CORS)
    pushed_request         what an app sends ahead of the browser (RFC 9126)
    logout                 whether to ask, and where to go (OIDC RP-Initiated Logout)
    backchannel_logout     what an app is told when a session ends (OIDC Back-Channel Logout)
    metadata               the discovery documents (RFC 8414, OIDC Discovery)

No await, no clock, no randomness, no logging: time and chance are arguments.
"""
