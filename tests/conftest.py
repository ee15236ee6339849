"""What all tests share."""

from hypothesis import HealthCheck, settings

# shared machines are noisy: how long an example takes says nothing here
settings.register_profile("flashlive", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("flashlive")
