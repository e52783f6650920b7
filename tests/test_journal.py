"""A journal keeps what was finished, and nothing else."""

from pathlib import Path

import pytest

from ibft.store.journal import Journal, journal_key
from ibft.store.manifests import write_manifest


def entries(path: Path, key: str = "key") -> list[dict[str, object]]:
    with Journal(path, key) as journal:
        return list(journal.entries())


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "out.parquet.journal"
    with Journal(path, "key") as journal:
        for number in range(3):
            journal.append({"number": number, "third": number / 3, "text": "é\n\u2028"})
    return path


def test_entries_survive_exactly(journal: Path) -> None:
    assert entries(journal) == [{"number": n, "third": n / 3, "text": "é\n\u2028"} for n in range(3)]


def test_every_torn_tail_is_cut_and_appending_goes_on_after_it(journal: Path) -> None:
    whole = journal.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole)):
        journal.write_bytes(whole[:cut])
        finished = max(sum(end <= cut for end in ends) - 1, 0)
        with Journal(journal, "key") as reopened:
            assert [entry["number"] for entry in reopened.entries()] == list(range(finished))
            reopened.append({"number": "next"})
        assert [entry["number"] for entry in entries(journal)] == [*range(finished), "next"]


def test_damage_in_the_middle_discards_what_follows(journal: Path) -> None:
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:2], lines[2].replace(b"1", b"7", 1), lines[3]]))
    assert [entry["number"] for entry in entries(journal)] == [0]


def test_another_key_starts_over(journal: Path) -> None:
    assert entries(journal, "other key") == []
    assert entries(journal, "key") == []


def test_a_removed_journal_is_gone(journal: Path) -> None:
    with Journal(journal, "key") as opened:
        opened.remove()
    assert not journal.exists()


def test_the_key_follows_code_settings_and_content(tmp_path: Path) -> None:
    script, data, folder = tmp_path / "script.py", tmp_path / "data", tmp_path / "model"
    folder.mkdir()

    def key(code: str = "x = 1", content: bytes = b"1", weights: str = "w", setting: str = "s") -> str:
        script.write_text(code)
        data.write_bytes(content)
        write_manifest(data)
        (folder / "weights").write_text(weights)
        write_manifest(folder)
        return journal_key(Path(str(script)), [data, folder], setting)

    keys = [key(), key(content=b"2"), key(weights="v"), key(setting="t")]
    assert len(set(keys)) == len(keys)
    assert key() == keys[0]
