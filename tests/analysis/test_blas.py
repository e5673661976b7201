"""Threads of BLAS: the smallest number asked for holds, and what was there before is back in the end."""

import threading

import numpy  # noqa: F401  loads a BLAS
import pytest
from threadpoolctl import ThreadpoolController

from modelglass.analysis.blas import blas_threads


def threads():
    return {lib.num_threads for lib in ThreadpoolController().select(user_api="blas").lib_controllers}


@pytest.fixture
def three():
    with ThreadpoolController().limit(limits=3, user_api="blas"):
        if threads() != {3}:
            pytest.skip("this BLAS cannot be told its threads")
        yield


def test_the_smallest_number_holds_and_all_is_as_before(three):
    with blas_threads(2):
        assert threads() == {2}
        with blas_threads(1), blas_threads(2):
            assert threads() == {1}
        assert threads() == {2}
    assert threads() == {3}


def test_nobody_gets_more_than_there_were(three):
    with blas_threads(64):
        assert threads() == {3}
    assert threads() == {3}


def test_two_that_overlap_and_an_error(three):
    inside, leave = threading.Event(), threading.Event()

    def other():
        with blas_threads(1):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)

    def enter_and_fail():
        with blas_threads(1):
            thread.start()
            assert inside.wait(10)
            raise ValueError("work failed")

    with pytest.raises(ValueError, match="work failed"):
        enter_and_fail()
    assert threads() == {1}  # the other is still at work
    leave.set()
    thread.join(10)
    assert threads() == {3}
