"""What several test files of this stage share: a cache of their own, and the isolation levels of this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ibft.execution.isolation import probe


@pytest.fixture(scope="session", autouse=True)
def reference_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Reference runs are measured here, not taken from the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture
def level(request: pytest.FixtureRequest) -> str:
    """An isolation level (`indirect=True`); the test is skipped where this machine refuses it."""
    wanted: str = request.param
    if refusal := probe((wanted,))[wanted]:
        pytest.skip(f"isolation level {wanted} is refused here: {refusal}")
    return wanted
