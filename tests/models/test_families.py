"""Every family of models gives the numbers of its own forward pass, or is refused; docs/models.md says which."""

import pytest

from tests.conftest import REPOSITORY
from tests.models import computed
from tests.models.families import CONFIGS

TABLE = (REPOSITORY / "docs" / "models.md").read_text().splitlines()


@pytest.mark.parametrize("family", CONFIGS)
def test_a_family_is_computed_rightly_or_refused_as_the_table_says(family: str) -> None:
    assert computed.row(family) in TABLE, "write the table anew: make families"


def test_the_table_has_a_row_for_every_family_and_no_other() -> None:
    rows = [line.split("`")[1] for line in TABLE if line.startswith("| `")]
    assert rows == sorted(CONFIGS)
