"""One Hypothesis profile for the whole house: few examples by default, NIGHTLIGHT_EXAMPLES=1000 for a long night."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "house",
    deadline=None,
    max_examples=int(os.environ.get("NIGHTLIGHT_EXAMPLES", "60")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")
