"""The demo: a platform's small protected API and a third party's app, beside the Keygrove between them.

api          the API, in the shapes of the reference
consents     the invented people whose consents it shows
marketplace  the app, which a company connects to its account
platform     what the platform tells whoever writes an app for it
account      what the app sees of a company through the API
seed         a first company with its admin and a key, and the app, made once
"""
