"""Defaults, a file, the environment and flags to one frozen value, or every fault at once.

loading       Config, and how it is read
settings      every setting: its type, its default, what it means
sources       where values come from, each with its place
catalogue     the APIs and permissions in the file
template      the commented file that `keygrove init` writes
words         what is said of an unknown name
"""
