"""Specification of training in several processes: two gloo processes learn what one does from the same global batches."""

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
import json, sys
from pathlib import Path
from data.session import Session
from learn.train import TrainConfig, train
session, out, words = sys.argv[1:]
losses = []
train(Session.open(session), TrainConfig(**json.loads(words)), Path(out), lambda r: losses.append([r.step, r.train_loss, r.valid_loss]))
if losses:
    Path(out, "losses.json").write_text(json.dumps(losses))
"""


def curve(session: Path, out: Path, processes: int, **words: object) -> np.ndarray:
    """(reports, 3): step, training loss and held-out loss of a training in so many processes."""
    script = out.parent / "losses.py"
    script.write_text(LOSSES)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else []
    command = [sys.executable, *launch, str(script), str(session), str(out), json.dumps(words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=out.parent, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return np.array(json.loads((out / "losses.json").read_text()), np.float64)


@pytest.mark.parametrize(("policy", "weights"), [("moe", "uniform"), ("flow", "iwr")])
def test_two_processes_give_the_loss_curve_of_one(tmp_path: Path, policy: str, weights: str) -> None:
    session = session_of(tmp_path / "session", *map(expert_episode, range(8)), corrected_episode(8), corrected_episode(9)).path
    words = {"policy": policy, "weights": weights, "steps": 30, "batch_size": 16}
    words |= {"hidden": [16, 16], "chunk": 4, "execute": 2, "experts": 3}
    one, two = (curve(session, tmp_path / f"model-{n}", n, **words) for n in (1, 2))
    assert len(one) == 30
    np.testing.assert_allclose(two, one, rtol=2e-4, atol=2e-5)
    first, second = (load_policy(tmp_path / f"model-{n}").policy.state_dict() for n in (1, 2))
    for name, value in first.items():
        np.testing.assert_allclose(second[name], value, atol=2e-3, err_msg=name)
