"""Hazardous material: low-level arithmetic that is easy to misuse.

Nothing here decides whether a report is true. Use ``nightlight.evidence`` instead, whose functions take bytes and
return verified things or raise.
"""
