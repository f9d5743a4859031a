"""Keygrove: the server a platform runs to give its customers API keys.

Floors, top to bottom; imports go down only (`tests/house` holds us to it):

    app, cli, config, logs, upkeep, demo   the roof: wiring
    backoffice                 the door for people
    web                        HTTP stops here
    endpoints, management      I/O is orchestrated here
    storage                    SQL stays here
    protocol, crypto           pure
    sdk                        stands beside, on protocol and crypto only
"""
