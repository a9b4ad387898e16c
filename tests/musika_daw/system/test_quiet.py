"""C libraries are kept from stderr while they are asked, and no longer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from musika_daw.system.quiet import quiet_libraries


def test_nothing_is_written_inside_and_all_after(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_libraries():
        os.write(2, b"inside ")
        with quiet_libraries():
            os.write(2, b"deep inside ")
        os.write(2, b"still inside ")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_it_ends_with_an_error_too(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="x"), quiet_libraries():
        raise ValueError("x")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_threads_that_overlap_leave_stderr_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    def work(first_s: float, second_s: float) -> None:
        time.sleep(first_s)
        with quiet_libraries():
            time.sleep(second_s)

    threads = [threading.Thread(target=work, args=(0.005 * n, 0.02)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_a_program_without_stderr_goes_on() -> None:
    code = (
        "import os; os.close(2)\nfrom musika_daw.system.quiet import quiet_libraries\nwith quiet_libraries(): print(1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
