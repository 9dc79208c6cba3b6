"""What holds for all tests: property tests draw the same examples each time and know no clock."""

from hypothesis import settings

settings.register_profile("project", derandomize=True, deadline=None)
settings.load_profile("project")
