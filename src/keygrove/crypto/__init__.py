"""Secrets, passwords, signatures: everything that rests on a cipher or on chance.

secrets       new ids and secrets; their keyed digests
passwords     argon2id for people
jose          signing keys, key sets, signed tokens
vault         private keys encrypted at rest; the master key's file
"""
