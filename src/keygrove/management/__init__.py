"""What people and programs do with Keygrove, in the product's words; every door calls these functions.

context          Management: what every function is handed; Actor: who does it
errors           what can be wrong with what they ask
catalogue        the APIs and the permissions a key can have
integrations     integration keys: a key is a confidential client with a name, permissions, a company
apps             apps that other companies connect: registered, reviewed, suspended
app_details      what their makers say about them, checked
app_keys         the keys of an app that signs
connected_apps   the apps that a company has connected, and disconnects
missed_sign_outs of which an app was not told
api_credentials  with which an API may ask about tokens
companies        the customers
people           accounts and roles
sign_in          sessions, the recent-sign-in check, throttling
last_seen        when a session was last used
account          one's own password, and where one is signed in
password_reset   the one-time link for who forgot it
setup            the one-time link of the first run
signing_keys     the issuer's keys: made, rotated, revoked, opened from the vault
usage            what keys do, in days
retention        forgets what has ended
record, journal  writes the journal, and reads it
"""
