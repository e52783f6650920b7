"""Sweeps: a method with a list where a number is expected stands for one method per value.

    ft-mink: {kind: ft, selection: {by: mink, keep_fraction: [0.9, 0.8]}}

becomes `ft-mink-keep0.9` and `ft-mink-keep0.8`, with `sweep: ft-mink`, and every list of methods that names `ft-mink`
names the two instead. Several lists give every combination. The paper's Figures 4 and A1 sweep `keep_fraction`.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

from ibft.runtime.errors import UserError

_SWEPT = (
    ("selection", "keep_fraction"),
    ("alpha",),
    ("beta",),
    ("kl_weight",),
    ("noise_scale",),
    ("layer",),
    ("bottleneck",),
)
_LISTS_OF_METHODS = (("memorization", "score_methods"), ("geometry", "methods"))

Path = tuple[str, ...]
Values = Mapping[str, Any]


def expand_sweeps(config: Values) -> dict[str, Any]:
    """`config` without lists in place of numbers. What is not of the expected form is left for validation to refuse.

    Raises:
        UserError: two methods would have one name.
    """
    methods = config.get("methods")
    if not isinstance(methods, Mapping):
        return dict(config)
    members = {name: _unique(name, _members(name, method)) for name, method in methods.items()}
    names = {name: list(found) for name, found in members.items()}
    _refuse_shared_names(names)
    expanded: dict[str, Any] = {
        **config,
        "methods": {own: method for found in members.values() for own, method in found.items()},
    }
    for section in ("experiments", "targets"):
        if isinstance(config.get(section), Mapping):
            expanded[section] = {
                name: _with_names_expanded(values, ("methods",), names) for name, values in config[section].items()
            }
    for path in _LISTS_OF_METHODS:
        expanded = _with_names_expanded(expanded, path, names)
    return expanded


def _members(name: str, method: Any) -> Iterator[tuple[str, Any]]:
    """The methods that `method` stands for: itself, unless it sweeps."""
    lists = {path: values for path in _SWEPT if _is_sweep(values := _get(method, path))}
    if not lists:
        yield name, method
        return
    for values in product(*lists.values()):
        own = dict(zip(lists, values, strict=True))
        member = {**method, "sweep": name}
        for path, value in own.items():
            member = _set(member, path, value)
        if "label" in member:
            member["label"] = (
                f"{member['label']} ({', '.join(f'{_short(path)} {value:g}' for path, value in own.items())})"
            )
        yield "-".join([str(name), *(f"{_short(path)}{value:g}" for path, value in own.items())]), member


def _short(path: Path) -> str:
    """The first word of a key, which names of methods and labels use: keep for keep_fraction."""
    return path[-1].partition("_")[0]


def _unique(name: str, members: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The members by name; values that look alike in it would be one method, and the others vanish."""
    found: dict[str, Any] = {}
    for own, method in members:
        if own in found:
            raise UserError(f"config: methods.{name}: two of its values are both written {own}; write fewer digits")
        found[own] = method
    return found


def _refuse_shared_names(names: Mapping[str, list[str]]) -> None:
    """Raise `UserError` where the member of a sweep is called as another method."""
    sweep_of: dict[str, str] = {}
    for name, members in names.items():
        for own in members:
            if own in sweep_of:
                both = " and ".join(f"methods.{each}" for each in sorted({str(sweep_of[own]), str(name)}))
                raise UserError(f"config: {both}: both give a method called {own}; rename one of them")
            sweep_of[own] = name


def _is_sweep(values: Any) -> bool:
    numbers = isinstance(values, list) and all(type(value) in (int, float) for value in values)
    return numbers and len(set(values)) == len(values) > 0


def _with_names_expanded(section: Any, path: Path, names: Mapping[str, list[str]]) -> Any:
    listed = _get(section, path)
    if not isinstance(listed, list | tuple) or not all(isinstance(name, str) for name in listed):
        return section
    return _set(section, path, [own for name in listed for own in names.get(name, [name])])


def _get(values: Any, path: Path) -> Any:
    for key in path:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def _set(values: Values, path: Path, value: Any) -> dict[str, Any]:
    """A copy of `values` with `value` at `path`."""
    head, *rest = path
    return {**values, head: _set(values[head], tuple(rest), value) if rest else value}
