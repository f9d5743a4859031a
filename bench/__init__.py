"""How fast the main job is, and how much of it is the signature itself.

run.py            one run: interleaved rounds, then the report (`make bench`)
setup.sh          installs wrk, Node.js and the peer
machine.py        processes: their children, processor time and memory; what this machine is
raw_signing.py    the ceiling: RSA-2048 signatures a second with `cryptography` on all cores
servers.py        starts and stops the servers that are compared
keys.py           fills a database with many keys
load.py, token.lua  one load by wrk
tokens.py         checks that what a server issues is a genuine token
report.py         medians and ratios as RESULTS.md
peers/            other servers, set up for the same job
"""
