import os
import subprocess
import sys

import pytest

from modelglass.explainers import loops, warm


@pytest.mark.skipif(bool(os.environ.get("NUMBA_CACHE_DIR")), reason="compiled code is kept elsewhere")
def test_after_warming_nothing_is_left_to_compile():
    for loop in loops.LOOPS:  # as where the same files are written anew, by git, say
        for kept in loops.kept(loop):
            os.utime(kept, (0, 0))
    warm.warm()
    assert loops.is_warm(), [loop.name for loop in loops.LOOPS if not loops.is_warm((loop,))]


def test_the_command_is_not_imported_before_it_runs():
    """``python -m`` warns of a module that its own package has imported."""
    code = "import sys, modelglass.explainers; print('modelglass.explainers.warm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "False"
