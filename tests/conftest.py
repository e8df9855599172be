"""Shared by all tests: property tests draw the same examples on every machine."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "mamex",
    derandomize=True,
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("mamex")
