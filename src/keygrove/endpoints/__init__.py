"""The protocol endpoints: load the facts, decide, commit the decision; then answer.

context       AuthorizationServer: what every endpoint is handed
authorization what comes next at /oauth2/auth; pushing: a request sent ahead of the browser
hints logout  whom an ID token means; RP-initiated logout
backchannel_logout tells apps that a session ended
token         POST /oauth2/token
userinfo      GET and POST /userinfo
introspection POST /oauth2/introspect; revocation: POST /oauth2/revoke
exchange      one request of a program: answered, refused or failed
cross_origin  which of the answers a page in a browser may read (CORS)
assertions    whether a client signed what proves it
grants        what they look up about a grant, and how they end one
own_tokens    verifies what we signed ourselves
signer        signs together what arrived together
discovery     the /.well-known documents
usage         counts what keys do, off the request's path
budget        how many failed authentications are answered plainly
answers       protocol errors as HTTP responses
"""
