"""The epochs of the rungs and the sizes of the brackets: successive halving's arithmetic, in integers only.

Floating-point logarithms lose a rung at 243 and a bracket at 729; truncating every bracket on its own gives rungs that
no two brackets share and tops them out below the last epoch. Here the levels are made once and shared by all.
"""


def rung_levels(min_epochs: int, max_epochs: int, reduction_factor: int) -> tuple[int, ...]:
    """Return the epochs of the rungs, ascending: R * eta^(k-K), each rounded once, the last one R.

    The first is at least `min_epochs`, and there are as many as fit: K is the largest with R / eta^K >= min_epochs.
    (Li et al., Hyperband, JMLR 18(185), 2018, algorithm 1, where the same numbers are r_i = R * eta^(i-s).)

    Args:
        min_epochs: epochs before the first decision, at least 1.
        max_epochs: R, the epochs of a trial that is never stopped.
        reduction_factor: eta, at least 2.
    """
    steps = 0
    while min_epochs * reduction_factor ** (steps + 1) <= max_epochs:
        steps += 1
    return tuple(_divide_rounded(max_epochs, reduction_factor**k) for k in range(steps, -1, -1))


def fewer(levels: tuple[int, ...]) -> str:
    """Return why epochs cannot be taken back."""
    return f"must be >= {levels[-1]}, to which trials have trained already; branch the search"


def more_levels(
    levels: tuple[int, ...], min_epochs: int, max_epochs: int, reduction_factor: int
) -> tuple[tuple[int, ...], str | None]:
    """Return the rungs up to a later last epoch, and why they cannot be had: rungs that there were must not move."""
    found = rung_levels(min_epochs, max_epochs, reduction_factor)
    if max_epochs < levels[-1]:
        return found, fewer(levels)
    if found[: len(levels)] == levels:
        return found, None
    top = levels[-1]
    steps = f"{top * reduction_factor} or {top * reduction_factor**2}"
    return found, f"must be {top} times a power of reduction_factor, e.g. {steps}, or rungs would move; or branch"


def bracket_sizes(num_levels: int, reduction_factor: int) -> tuple[int, ...]:
    """Return how many trials each bracket starts, the most aggressive bracket first.

    n_s = ceil((K + 1) / (s + 1) * eta^s) for s = K .. 0 (Li et al. 2018, algorithm 1). The bracket at position i enters
    at level i.
    """
    return tuple(
        -(-num_levels * reduction_factor**s // (s + 1))  # -(-a // b) is the ceiling of a / b
        for s in range(num_levels - 1, -1, -1)
    )


def num_kept(num_results: int, reduction_factor: int) -> int:
    """Return how many of a rung's results go on: the floor of their share, at least 1."""
    return max(1, num_results // reduction_factor)


def _divide_rounded(dividend: int, divisor: int) -> int:
    return (2 * dividend + divisor) // (2 * divisor)
