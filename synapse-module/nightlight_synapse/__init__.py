# SPDX-License-Identifier: AGPL-3.0-or-later
"""The part of Nightlight that loads into Synapse: it carries out who may reach whom, and redacts one named event.

It holds no key, reads no content and decides nothing; it asks the Nightlight service over HTTP and does what it says.
"""

from nightlight_synapse.module import NightlightModule

__version__ = "0.2.0"
__all__ = ["NightlightModule"]
