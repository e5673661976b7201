"""Blocks of work follow the time they take, and never fall to single rows where a call costs the same for any number."""

import itertools

import pytest

from modelglass.analysis import progress
from modelglass.analysis.progress import blocks


@pytest.fixture
def walk(monkeypatch):
    """A function: cut n rows for work that takes ``cost(rows)`` seconds on a clock of our own; give sizes and times."""

    def walked(n, cost, **options):
        clock = [0.0]
        monkeypatch.setattr(progress.time, "perf_counter", lambda: clock[0])
        sizes, times = [], []
        for block in blocks(n, **options):
            sizes.append(block.stop - block.start)
            times.append(cost(sizes[-1]))
            clock[0] += times[-1]
        return sizes, times

    return walked


@pytest.mark.parametrize(
    ("n", "start", "cost"),
    [
        (1, 64, lambda r: 0.0),
        (10_000, 64, lambda r: 1e-3 * r),
        (5_000, 512, lambda r: 0.5),
        (3_000, 8, lambda r: 0.1 + 0.01 * r),
    ],
)
def test_every_row_comes_once_in_order(n, start, cost, walk):
    sizes, _ = walk(n, cost, start=start)
    assert sum(sizes) == n
    assert min(sizes) >= 1


def test_a_slow_model_is_asked_for_few_rows(walk):
    _, times = walk(2_000, lambda rows: 0.02 * rows, start=64)
    assert max(times[3:]) <= 0.3


def test_a_fast_model_is_asked_for_many(walk):
    sizes, _ = walk(1_000_000, lambda rows: 1e-6 * rows, start=64)
    assert max(sizes) >= 100_000


@pytest.mark.parametrize("overhead", [0.21, 0.3, 1.0])
def test_a_fixed_cost_of_each_call_does_not_end_in_single_rows(overhead, walk):
    sizes, times = walk(20_000, lambda rows: overhead + 1e-5 * rows, start=512)
    assert len(sizes) <= 40
    assert sum(times) <= 40 * overhead + 1


def test_a_busy_moment_does_not_slow_the_rest(walk):
    late = itertools.count()
    sizes, _ = walk(100_000, lambda rows: (2.0 if next(late) in (2, 3, 4) else 0.0) + 1e-4 * rows, start=64)
    assert sizes[-2] >= 1_000


def test_large_slices_are_multiples_of_64(walk):
    """So that linear algebra groups the same rows however fast the machine is, and rounds them alike."""
    for speed in (1.37e-5, 3.1e-5, 2.9e-4):
        sizes, _ = walk(100_000, lambda rows, speed=speed: speed * rows, start=512)
        assert len(sizes) > 3
        assert {s % 64 for s in sizes[:-1] if s >= 256} == {0}
