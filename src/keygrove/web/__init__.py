"""HTTP stops here: framework messages become protocol messages or page requests, and back.

adapter       ASGI <-> protocol.message, and the bare callables of the protocol endpoints
defenses      what every request passes: host and head checked, security headers, request id
forms         form posts of pages, cross-site posts refused
visits        who is signed in: the session cookie
interaction   one authorization request in a browser; sealed: how its pages hold it; asking: what they ask
logout        an app asks that the person be signed out here too
health        /livez, /readyz, /version
outgoing      the requests that we send to addresses of others; addresses: where those may go
"""
