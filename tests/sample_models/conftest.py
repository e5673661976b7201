"""One folder of samples for the session: each is trained once for all tests that only read it."""

from __future__ import annotations

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("samples")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads that wait for each other on a busy machine make these small predictions many times slower."""
    with threadpool_limits(1):
        yield
