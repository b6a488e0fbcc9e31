"""Specification of training in several processes: two gloo processes learn what one does from the same global batches, also when
one is killed on the way and each has a disk of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_learn_support import corrected_episode, expert_episode, session_of

from learn.checkpoint import load_policy

ROOT = Path(__file__).parent.parent
LOSSES = """
import json, os, signal, sys
from pathlib import Path
from data.session import Session
from learn import train as module
from learn.distributed import team
from learn.train import TrainConfig, train

session, out, words, killed_after = sys.argv[1:]
rank, before = os.environ.get("RANK", "0"), int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
out = Path(out) / rank
module.KEEP_EVERY_S = 0.0 if int(killed_after) else 60.0

class Mortal(module._Training):
    def _report(self, log):
        super()._report(log)
        if rank == "1" and before == 0 and self.fit.step == int(killed_after):
            os.kill(os.getpid(), signal.SIGKILL)

module._Training = Mortal
losses = []
with team("cpu") as crew:
    mine = rank.encode()  # the leader is followed, and disagreement is heard of
    assert [crew.tell(3 * mine), crew.tell(b""), crew.agrees(b"all"), crew.agrees(mine)] == [b"000", b"", True, crew.world == 1]
    train(Session.open(session), TrainConfig(**json.loads(words)), out, lambda r: losses.append([r.step, r.train_loss, r.valid_loss]))
if losses:
    (out / "losses.json").write_text(json.dumps(losses))
"""


def curve(session: Path, out: Path, processes: int, killed_after: int, **words: object) -> np.ndarray:
    """(reports, 3): step, training loss and held-out loss of a training in so many processes, one of which is killed after that step
    (0: none) and all then started again.
    """
    script = out.parent / "losses.py"
    script.write_text(LOSSES)
    launch = ["-m", "torch.distributed.run", "--standalone", "--max-restarts", "1", "--nproc-per-node", str(processes)]
    command = [
        sys.executable,
        *(launch if processes > 1 else []),
        str(script),
        str(session),
        str(out),
        json.dumps(words),
        str(killed_after),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=out.parent, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr[:6000]
    assert "Warning" not in done.stderr
    return np.array(json.loads((out / "0" / "losses.json").read_text()), np.float64)


@pytest.mark.parametrize(("policy", "weights", "killed_after"), [("moe", "uniform", 21), ("flow", "iwr", 0)])
def test_two_processes_give_the_loss_curve_of_one(tmp_path: Path, policy: str, weights: str, killed_after: int) -> None:
    session = session_of(tmp_path / "session", *map(expert_episode, range(8)), corrected_episode(8), corrected_episode(9)).path
    words = {"policy": policy, "weights": weights, "steps": 30, "batch_size": 16}
    words |= {"hidden": [16, 16], "chunk": 4, "execute": 2, "experts": 3}
    one, two = (curve(session, tmp_path / f"model-{n}", n, killed_after, **words) for n in (1, 2))
    assert len(one) == 30
    since = max(0, killed_after - 1)  # the last step of which all was kept
    assert two[0, 0] == since + 1
    np.testing.assert_allclose(two, one[since:], rtol=2e-4, atol=2e-5)
    assert not (tmp_path / "model-2" / "1").exists(), "the leader alone writes"
    first, second = (load_policy(tmp_path / f"model-{n}" / "0").policy.state_dict() for n in (1, 2))
    for name, value in first.items():
        np.testing.assert_allclose(second[name], value, atol=2e-3, err_msg=name)
