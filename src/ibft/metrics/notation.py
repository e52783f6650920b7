"""How a metric is written: Pass@10 and Pass@10^(5), as plain text, for matplotlib and for LaTeX."""

_RAISED = str.maketrans("0123456789()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾")


def plain(k: int, m: int) -> str:
    return f"Pass@{k}" if m == 1 else f"Pass@{k}^({m})"


def raised(k: int, m: int) -> str:
    """With real superscripts, for running text."""
    return f"Pass@{k}" if m == 1 else f"Pass@{k}{f'({m})'.translate(_RAISED)}"


def mathtext(k: int, m: int) -> str:
    """For matplotlib's and LaTeX's math mode."""
    return f"Pass@{k}" if m == 1 else f"Pass@${k}^{{({m})}}$"
