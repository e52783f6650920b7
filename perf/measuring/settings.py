"""Computations with the settings that PyTorch and the C library have by themselves, to compare ours with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from ibft.models import loading


@contextmanager
def settings_of_torch() -> Iterator[None]:
    """Inside, a model that is loaded changes neither how memory is kept nor which library multiplies."""
    changed: tuple[Callable[[], None], ...] = (loading.keep_freed_memory, loading.use_faster_products)
    with patch.multiple(loading, **{change.__name__: lambda: None for change in changed}):
        yield
