"""The report on made-up results, against sums done by hand; and which results it believes."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality import book, code_hash, plots, running, script, statistics
from benchmarks.quality.book import Book, Key, Line
from benchmarks.quality.report import report
from benchmarks.quality.run import Outcome
from benchmarks.quality.statistics import estimate, known, speed_up

TASKS, WORKERS = ["one", "two"], [4]


def an_outcome(half, end):
    """A run that stands at 1 for its first half, then at `half`, and at `end` in its last share."""
    return Outcome(regrets=[1.0] * 9 + [half] * 10 + [end], best=0.5, trials=3, epochs=9, decision_seconds=2.0)


@pytest.fixture
def books(monkeypatch, tmp_path):
    """Books of a folder of their own, in which code 'new' counts."""
    pytest.importorskip("matplotlib", reason="the extra 'quality' is not installed")
    monkeypatch.setattr(book, "FOLDER", tmp_path)
    monkeypatch.setattr(plots, "FOLDER", tmp_path / "plots")
    for module in (statistics, running):
        monkeypatch.setattr(module, "code_hash", lambda _contestant, _task: "new")
    return tmp_path


def write(method, task, seed, half, end, code="new"):
    Book(method).append(Line(key=Key(task, 4, seed), code=code, outcome=an_outcome(half, end)))


def fill():
    for seed in (0, 1):
        write("rung-random", "one", seed, 0.8, 0.6)
        write("rung-random", "two", seed, 0.4, 0.2)
        write("rung-asha", "one", seed, 0.4, 0.2 if seed else 0.1)
        write("rung-asha", "two", seed, 0.2, 0.2)
        write("tune-asha", "one", seed, 0.4, 0.3)
        write("tune-asha", "two", seed, 0.4, 0.4)


def reported(methods, default=None, **which):
    return report({m: known(m, TASKS, **which) for m in methods}, TASKS, WORKERS, range(30), default)


def rows(text):
    """The cells of each table row by their first cell; the first table wins."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) > 1:
            found.setdefault(cells[0], cells[1:])
    return found


def test_means_ranks_and_speed_ups_are_those_done_by_hand(books):
    fill()
    table = rows(reported(["rung-random", "rung-asha", "tune-asha"]))
    # ends of rung-asha: .1 .2 and .2 .2; of tune-asha: .3 .3 and .4 .4; of random: .6 .6 and .2 .2
    assert table["rung-asha"][3].startswith("0.175 [")
    assert table["tune-asha"][3] == "0.350 [0.350, 0.350]"
    assert table["rung-random"][3] == "0.400 [0.400, 0.400]"
    # ranks at the end: task one 3, 1, 2 twice; task two: random and rung-asha share 1.5 twice, tune-asha 3
    assert [table[name][7] for name in ("rung-random", "rung-asha", "tune-asha")] == ["2.25", "1.25", "2.50"]
    # random ends at .4; tune-asha comes from 1 to .4 in the tenth share of twenty, rung-asha to .3, a seventh sooner
    assert table["tune-asha"][8] == "2.0x"
    assert table["rung-asha"][8] == f"{20 / (9 + 6 / 7):.1f}x"
    assert table["rung-asha"][9] == "2.0"


def test_pairs_are_compared_cell_by_cell(books):
    fill()
    text = reported(["rung-random", "rung-asha", "tune-asha"], "rung-random")
    table = rows(text)
    assert table["rung-asha - tune-asha"][4].startswith("-0.175 [")
    assert table["rung-asha - tune-asha"][5] == "100%"
    # against rung-asha, random loses task one and ties on task two
    assert table["rung-random - rung-asha"][5] == "25%"
    assert table["rung-random - tune-asha"][4] == "+0.050 [+0.050, +0.050]"


def test_only_seeds_that_everybody_has_are_compared(books):
    fill()
    write("rung-random", "one", 2, 0.0, 0.0)
    assert "2 seeds" in reported(["rung-random", "tune-asha"])


def test_results_of_other_code_count_for_nothing_and_whoever_has_no_others_is_named(books):
    fill()
    write("syne-asha", "one", 0, 0.0, 0.0, code="old")
    text = reported(["rung-random", "syne-asha"])
    assert "No runs yet: syne-asha." in text
    assert "nothing to compare yet" in reported(["syne-asha"])


def test_results_of_other_code_can_be_asked_for_and_the_latest_counts(books):
    for end in (0.3, 0.2):
        for task in TASKS:
            write("syne-asha", task, 0, 0.5, end, code="old")
    assert rows(reported(["syne-asha"], stale=True))["syne-asha"][3] == "0.200 [0.200, 0.200]"


def test_plots_are_drawn(books):
    fill()
    reported(["rung-random", "tune-asha"])
    assert {path.name for path in (books / "plots").iterdir()} == {"regret.png", "tasks.png"}


def test_what_is_done_is_not_planned_again_and_seeds_vary_slowest(books):
    write("rung-asha", "one", 0, 0.4, 0.2)
    write("rung-asha", "two", 0, 0.4, 0.2, code="old")
    planned = running.plan(["rung-asha", "tune-asha"], TASKS, WORKERS, range(2))
    assert ("rung-asha", ("one", 4, 0)) not in planned
    assert ("rung-asha", ("two", 4, 0)) in planned
    assert len(planned) == 7
    assert [entry.key.seed for entry in planned] == [0, 0, 0, 1, 1, 1, 1]


def test_a_line_comes_back_as_it_was_written(tmp_path):
    line = Line(key=Key("one", 16, 3), code="abc", outcome=an_outcome(0.5, -0.25))
    Book("m", tmp_path).append(line)
    assert list(Book("m", tmp_path).lines()) == [line]


def test_a_bootstrap_of_equals_has_no_width_and_one_of_chance_covers_its_mean():
    assert estimate(np.full((2, 2, 5), 0.5)) == (0.5, 0.5, 0.5)
    values = np.random.default_rng(0).random((3, 2, 30))
    found = estimate(values)
    assert found.low < found.mean < found.high
    spread = values.std(axis=-1).mean() / np.sqrt(180)  # seeds are drawn anew within each of the six
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.1)


def test_who_never_reaches_the_baseline_has_no_speed_up():
    assert speed_up(np.array([0.9, 0.8]), np.array([0.8, 0.5])) is None
    assert speed_up(np.array([0.9, 0.5]), np.array([0.9, 0.5])) == pytest.approx(1.0)


def test_a_comment_does_not_change_code_and_a_number_does(tmp_path):
    file = tmp_path / "some.py"
    meanings = []
    for text in ('"""One."""\nX = 1  # why\n', '"""Two."""\n\nX = 1\n', '"""One."""\nX = 2\n'):
        file.write_text(text)
        meanings.append(code_hash._meaning.__wrapped__(file))
    assert meanings[0] == meanings[1] != meanings[2]


def test_the_script_notices_when_the_simulator_breaks_ties_in_another_order(monkeypatch):
    from service.algorithms import simulator

    usual = script.replayed.__wrapped__()
    assert script.replayed.__wrapped__() == usual
    monkeypatch.setattr(simulator, "count", lambda _first: iter(range(10_000, 0, -1)))
    assert script.replayed.__wrapped__() != usual
