"""How the libraries that compute share the machine: they read these variables once, when they are loaded.

Threads of OpenMP, which torch uses, wait for each other thousands of times a second. By itself a waiting one spins, on
a core that another program has work for: beside a busy program two such threads are many times slower than one. If
they sleep, they are as fast as two processes of one thread. What renders many files or plays live has one thread a
process anyway: more would add numbers up in another order, which changes the last bits of a sound.

What multiplies in bf16 keeps the code that it wrote for each shape of a product, a thousand shapes by itself. Each
length of loop has shapes of its own, so a process that renders loops grew by 11 MB with every one; of 128 it stays as
it is, and as fast.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

# what numpy and scipy do by themselves is small, and its threads spin as well
SETTINGS = {"OMP_WAIT_POLICY": "passive", "OPENBLAS_NUM_THREADS": "1", "VECLIB_MAXIMUM_THREADS": "1"}
OF_WORKERS = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # shapes kept by oneDNN, and by torch before it
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "128",
    "LRU_CACHE_CAPACITY": "128",
}


def share_cores() -> None:
    """For this program and the processes that it starts, where the user's environment does not say otherwise.

    To be called before numpy and torch are loaded.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Processes that are started in the block compute on one thread, wait asleep, and keep few shapes, whatever program
    starts them."""
    before = dict(os.environ)
    share_cores()
    os.environ.update(OF_WORKERS)
    try:
        yield
    finally:
        for name in {**SETTINGS, **OF_WORKERS}:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
