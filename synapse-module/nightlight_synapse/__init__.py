# SPDX-License-Identifier: AGPL-3.0-or-later
"""The part of Nightlight that loads into Synapse: it redacts exactly one named event, and says that it is there.

It holds no key, reads no content and decides nothing; it does what the Nightlight service asks over HTTP.
"""

from nightlight_synapse.module import NightlightModule

__version__ = "0.1.0"
__all__ = ["NightlightModule"]
