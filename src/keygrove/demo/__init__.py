"""The demo: a platform's small protected API, beside the Keygrove that guards it.

api          the API, in the shapes of the reference
consents     the invented people whose consents it shows
seed         a first company with its admin and a key, made once
"""
