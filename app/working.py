"""How much of the machine the command takes."""

from __future__ import annotations

import os

_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "NUMBA_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
    "POLARS_MAX_THREADS",
)


def limit_threads(count: int | None) -> None:
    """Compute with at most so many threads from now on; None leaves everything as it is.

    Libraries that are loaded later read these variables; those that are loaded already (BLAS, OpenMP, Arrow) are told.
    """
    if count is None:
        return
    for name in _VARIABLES:
        os.environ[name] = str(count)
    import pyarrow
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=count)
    pyarrow.set_cpu_count(count)
