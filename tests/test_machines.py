"""A machine on which nothing can be judged is told so in one sentence, before anything is imported or read."""

import sys

import pytest

from ibft.cli import main


@pytest.mark.parametrize("system", ["darwin", "win32"])
@pytest.mark.parametrize("command", ["doctor", "score answers.jsonl --benchmark humaneval --out verdicts.parquet"])
def test_another_system_than_linux_is_sent_to_a_container(
    system: str, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(sys, "argv", ["ibft", *command.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    name = command.partition(" ")[0]
    assert f"ibft {name} needs Linux, and this is {system}: use a container" in capsys.readouterr().err
