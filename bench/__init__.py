"""How fast the main job is, and how much of it is the signature itself.

run.py            one run: interleaved rounds, curves, nodes, then the report (`make bench`)
setup.sh          installs wrk, Node.js and the peer
machine.py        processes: their children, processor time and memory; what this machine is
raw.py            the ceilings: RSA-2048 signing and verification with `cryptography` on all cores
database.py       a PostgreSQL, the one that the tests use
servers.py        makes ready, starts and stops the servers that are compared
keys.py           fills a database with many keys
load.py, token.lua  one load by wrk
tokens.py         checks that what a server issues is a genuine token
measuring.py      one load between two measurements of raw signing
verifying.py      the SDK's verification between two measurements of the raw one
results.py        what a run found; medians and ratios
goals.py          the reaches, and whether they are reached
report.py         RESULTS.md and its pictures
plot.py           curves as SVG
scaling.py        the table of docs/scaling.md
peers/            other servers, set up for the same job
"""
