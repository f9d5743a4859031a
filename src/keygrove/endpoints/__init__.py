"""The protocol endpoints: load the facts, decide, commit the decision; then answer.

context       AuthorizationServer: what every endpoint is handed
authorization what comes next at /oauth2/auth; hints: whom an ID token means; logout: RP-initiated
token         POST /oauth2/token
signer        signs together what arrived together
discovery     the /.well-known documents
usage         counts what keys do, off the request's path
budget        how many failed authentications are answered plainly
answers       protocol errors as HTTP responses
"""
