"""Detection from metadata: features over windows of events, rules over features, signals out of rules.

Definitions are data (``definition_file.py``); their expressions (``expression.py``) are parsed once. Nothing here
decides about anybody: a signal is something that engineers look at.
"""
