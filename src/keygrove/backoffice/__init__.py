"""Backoffice: the pages where a company's people make and look after integration keys.

routes           every address and its page
sign_in setup companies integrations     who is here, and where they start
keys key_new key_ready key_detail key_remove   one file for each screen of an integration key
account browsers password_reset          one's own password, and where one is signed in; S02: a forgotten one
connect asked_scopes log_out             S17, S20: an app sends somebody here to allow it, or to sign out
connected_apps   S16: the apps that a company connected
apps app_form app_detail app_secret      S18: the apps that a company makes
question         one plain question before what cannot be undone
usage            what a key does: its last use in words, its days as a drawing
permissions      the catalogue as rows of choices, and a form's choices as scopes
examples         the calls shown to developers, rendered from templates/snippets
faults errors    what is wrong with a form; every failure as a page
here             the person, the company at hand, the shell around the page
shell rendering times static_files   how a page is put together and served
theme ui_kit     light and dark; every component in all its states
"""
