"""Everything that is kept, behind one small port. SQL stays on this floor.

    database                the port: Database.transaction(), Transaction.one / all / run
    sqlite                  the embedded driver
    postgres                PostgreSQL, for more than one machine
    rows                    many rows in one insert
    opening                 opens the one that a URL names
    schema, migrations/     the tables, step by step (Alembic)
    clients                 OAuth clients
    apps                    clients that people connect to their company, with their state of review
    consents                what people allow apps; the apps that a company has connected
    grants                  authorization grants, their codes and families of refresh tokens
    api_credentials         what APIs introspect tokens with
    companies, people       who owns them, who may sign in
    sessions                sign-in sessions, sign-in attempts, set-up links
    reset_links             with which people choose another password
    logout_notices          which apps are still to be told that a session ended
    signing_keys            the issuer's keys, sealed
    usage                   last use of keys, tokens per key and hour
    failures                failed authentications per minute
    backup, backup_file, backup_snapshot   everything into one file, and back into either database
    turns                   who is alone with something until the transaction ends
    journal                 who did what, from where; rows are only ever added

One SQL text serves every database: `$1` placeholders, `insert … on conflict`, ids and digests as
text, times as bigint with the unit in the column's name (`_s`, `_us`), null instead of booleans.
"""
