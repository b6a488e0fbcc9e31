"""Specification of `data.cores`: a pool whose processes end with who asked for them."""

import subprocess
import sys
from pathlib import Path

import pytest

from data.cores import worker_pool

ROOT = Path(__file__).parent.parent

# Ctrl-C comes while a process is being started, and it is another thread that hears it. The first process is held up, so
# that the second is the first to be told to end.
INTERRUPTED = """
import multiprocessing.util, os, signal, sys, threading
from data.cores import worker_pool

spawn, started = multiprocessing.util.spawnv_passfds, []

def hear():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.raise_signal(signal.SIGINT)

def spawn_and_interrupt(path, words, fds):
    process = spawn(path, words, fds)
    started.append(process)
    if len(started) == WHEN:
        os.kill(started[0], signal.SIGSTOP)
        threading.Timer(1.0, os.kill, (started[0], signal.SIGCONT)).start()
        thread = threading.Thread(target=hear)
        thread.start()
        thread.join()
    return process

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs this may be deaf
    multiprocessing.resource_tracker.ensure_running()
    multiprocessing.util.spawnv_passfds = spawn_and_interrupt
    try:
        with worker_pool(2, print) as pool:
            print(sum(pool.map(abs, range(9))))
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no signal masks")
@pytest.mark.parametrize("when", [1, 2])
def test_ctrl_c_while_processes_start_leaves_none_of_them_behind(when: int, tmp_path: Path) -> None:
    """Who is left would hold the pipes open, and this would wait for it."""
    script = tmp_path / "script.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n" + INTERRUPTED.replace("WHEN", str(when)), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr


def test_a_pool_works_in_processes_of_its_own() -> None:
    with worker_pool(2, int) as pool:
        assert sorted(pool.map(abs, range(-3, 3))) == [0, 1, 1, 2, 2, 3]
