"""Tail areas and quantiles of the normal, Student's and the chi-squared distribution.

SciPy has them, and would be a third of what the core installs (docs/adr/0054). Each density is integrated in a variable
in which it is smooth and falls exponentially, so that a Gauss rule is exact to 1e-11. Shapes broadcast; N stands for
the nodes of the rule.
"""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_NODES_N, _WEIGHTS_N = np.polynomial.legendre.leggauss(128)
_HALVINGS = 40
_FAR = 45.0  # exp(-45) is 3e-20: nothing beyond it counts

_erfc = np.frompyfunc(math.erfc, 1, 1)
_lgamma = np.frompyfunc(math.lgamma, 1, 1)
_normal_quantile = np.frompyfunc(NormalDist().inv_cdf, 1, 1)


def normal_sf(z: npt.ArrayLike) -> Floats:
    """Return the chance that a standard normal variable exceeds `z`."""
    return _floats(_erfc(np.asarray(z) / math.sqrt(2))) / 2


def normal_ppf(chance: npt.ArrayLike) -> Floats:
    """Return the value that a standard normal variable stays below with this chance, which lies inside (0, 1)."""
    return _floats(_normal_quantile(chance))


def t_sf(t: npt.ArrayLike, freedom: npt.ArrayLike) -> Floats:
    """Return the chance that Student's t with `freedom` >= 1 degrees of freedom, whole or not, exceeds `t`."""
    t, freedom = np.broadcast_arrays(_floats(t), _floats(freedom))
    start = np.arcsinh(np.minimum(np.abs(t), 1e100) / np.sqrt(freedom))  # in s, where t = sqrt(freedom) sinh(s)
    end = start + _FAR / freedom + np.sqrt(2 * _FAR / freedom)
    area = _integral(lambda s: np.exp(-freedom[..., None] * np.log(np.cosh(s))), start, end)
    whole = math.sqrt(math.pi) * np.exp(_floats(_lgamma(freedom / 2)) - _floats(_lgamma((freedom + 1) / 2)))
    return np.where(t < 0, 1 - area / whole, area / whole)


def t_isf(chance: float, freedom: npt.ArrayLike) -> Floats:
    """Return the value that Student's t exceeds with `chance`, below 1/2."""
    scale = np.sqrt(_floats(freedom))
    farthest = 1 - math.log(chance) / scale**2  # in s, as above
    s = solve(lambda s: t_sf(scale * np.sinh(s), freedom) > chance, np.zeros_like(scale), farthest)
    return _floats(scale * np.sinh(s))


def chi_squared_ppf(chance: Floats, freedom: int) -> Floats:
    """Return the value that a chi-squared variable stays below with each `chance`, in (0, 1)."""
    middle, width = math.log(freedom), 2 * _FAR / freedom + 2 * math.sqrt(_FAR / freedom)
    log_scale = freedom / 2 * math.log(2) + math.lgamma(freedom / 2)
    least = np.full_like(chance, middle - width)  # in y = log(x), as all below

    def below(y: Floats) -> Floats:
        return _integral(lambda y: np.exp(freedom / 2 * y - np.exp(y) / 2 - log_scale), least, y)

    return np.exp(solve(lambda y: below(y) < chance, least, np.full_like(chance, middle + math.log1p(width))))


def _integral(density: Callable[[Floats], Floats], start: Floats, end: Floats) -> Floats:
    half = (end - start)[..., None] / 2
    area: Floats = (density(start[..., None] + half * (1 + _NODES_N)) * half * _WEIGHTS_N).sum(axis=-1)
    return area


def solve(too_low: Callable[[Floats], npt.NDArray[np.bool_]], low: Floats, high: Floats) -> Floats:
    """Return the least values from `low` to `high` that are not too low, to 1e-12 of that range, by halving it."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        too_low_here = too_low(middle)
        low, high = np.where(too_low_here, middle, low), np.where(too_low_here, high, middle)
    return high


def _floats(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, np.float64)
