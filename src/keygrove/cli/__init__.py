"""The command `keygrove`. Heavy modules are imported inside the commands, so that `--help` is instant.

entry                   what `keygrove` runs: main, or what to install for it
main                    every command; one line for every error, never a trace
output                  JSON, tables and times
place                   the options that go for every command
consent                 asks before what cannot be undone
work                    opens the house for one command
serve, workers          the server: a supervisor and its worker processes
demo, demo_folder       Keygrove and a small protected API, filled and ready; the folder of its data and logs
settings                init, config check
upkeep                  migrate, setup-link, version
backup                  backup, restore
signing_keys            list, rotate and revoke what the issuer signs with
journal                 who did what to what
apps, api_credentials   apps and their review; what APIs ask about tokens with
companies, people, keys what people do in Backoffice, at the command line
"""
