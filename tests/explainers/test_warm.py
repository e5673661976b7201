import os

import pytest

from modelglass.explainers import warm


@pytest.mark.skipif(bool(os.environ.get("NUMBA_CACHE_DIR")), reason="compiled code is kept elsewhere")
def test_after_warming_nothing_is_left_to_compile():
    for loop in warm.LOOPS:  # as where the same files are written anew, by git, say
        for kept in warm._kept(loop):
            os.utime(kept, (0, 0))
    warm.warm()
    assert warm.is_warm(), [loop.name for loop in warm.LOOPS if not warm.is_warm((loop,))]
