import shutil
from pathlib import Path

import pytest

from ibft.execution.isolation import probe


@pytest.mark.parametrize("level", ["namespaces", "landlock"])
def test_programs_found_by_way_of_a_linked_folder_are_shown(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/bin").is_symlink():
        pytest.skip("/bin is a folder of its own here")
    if refusal := probe((level,))[level]:
        pytest.skip(f"level {level} cannot be had here: {refusal}")
    monkeypatch.setenv("PATH", "/bin:/usr/bin")  # what a scheduled job finds
    assert str(shutil.which("sh")).startswith("/bin/")
    assert probe((level,)) == {level: None}
