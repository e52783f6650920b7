"""The isolation levels of this machine."""

import pytest

from ibft.execution.isolation import probe


@pytest.fixture
def level(request: pytest.FixtureRequest) -> str:
    """An isolation level (`indirect=True`); the test is skipped where this machine refuses it."""
    wanted: str = request.param
    if refusal := probe((wanted,))[wanted]:
        pytest.skip(f"isolation level {wanted} is refused here: {refusal}")
    return wanted
