"""What a tick costs: step, cameras, record; beside MuJoCo alone and beside robosuite. And what recording alone costs the loop."""

import time
from collections.abc import Callable

import mujoco
import numpy as np

from bench.driving import ENV, driven, recording, steps_of
from bench.row import FLOOR, Row, Thing
from bench.stage import CAMERAS, Stage
from bench.turns import Side, seconds_of
from data.episode import Episode
from data.schema import Outcome
from data.takes import End
from teleop.envs import make_plant
from teleop.envs.arm import CONTROL_HZ
from teleop.envs.render import COLLISION_GROUP, VISUAL_GROUP
from teleop.recorder import Recorder

ROUNDS, TICKS = 5, 60
FRAMES, PERIOD_S = 60, 0.02
SEEING = Thing("step", "step + two 84×84 cameras + record", "ms")
BLIND = Thing("step", "step + record, no cameras", "ms", headline=False)
RECORDING = Thing("step", "record a frame with two 84×84 pictures: the loop waits", "ms", headline=False)
PLAIN = "robosuite, drawn like ours"
AS_IT_COMES = "Lift with DataCollectionWrapper, which keeps no pictures; drawn as it comes, visual meshes with shadows"
PLAINLY = "the same, but collision shapes without shadows and smoothing"
ADDING = "LeRobotDataset.add_frame, which hands pictures to eight writing threads as in lerobot-record; both at 50 Hz"
NO_ENV = {"robomimic": "it drives robosuite's environments", "LeRobot": "it drives robots; its recording is a row of its own"}


def rows(stage: Stage) -> list[Row]:
    return [*_tick_rows(stage, SEEING, CAMERAS), *_tick_rows(stage, BLIND, ()), *_record_rows(stage)]


def _tick_rows(stage: Stage, thing: Thing, cameras: tuple[str, ...]) -> list[Row]:
    if cameras:
        note, count, variants = (
            "mj_step and mujoco.Renderer, the same scene and shapes",
            TICKS // 4,
            {"robosuite": AS_IT_COMES, PLAIN: PLAINLY},
        )
    else:
        note, count, variants = "mj_step, the same scene", TICKS, {"robosuite": "Lift with DataCollectionWrapper"}
    others = [Side(FLOOR, "MuJoCo alone", bare(cameras), note)]
    for name, note in variants.items():
        asked = {"ticks": count, "cameras": bool(cameras), "plain": name == PLAIN}
        others.append(Side("robosuite", name, stage.asks("robosuite", "step", **asked), note))
    with driven(stage.folder / f"ticks-{len(cameras)}", cameras) as ticks:
        return stage.compare(thing, lambda: 1e3 / TICKS * seconds_of(lambda: ticks(TICKS)), others, ROUNDS, **NO_ENV)


def bare(cameras: tuple[str, ...]) -> Callable[[], float]:
    """Milliseconds of a control step of MuJoCo alone, and of drawing the same shapes at the same size with its own renderer."""
    env, arm = make_plant(ENV, {"max_episode_steps": -1})
    env.reset(seed=0)
    model, data = arm.model, mujoco.MjData(arm.model)
    data.qpos[:], data.ctrl[:] = arm.data.qpos, arm.data.ctrl
    substeps = round(1 / (CONTROL_HZ * model.opt.timestep))
    saved = model.vis.quality.shadowsize, model.vis.quality.offsamples
    model.vis.quality.shadowsize, model.vis.quality.offsamples = 0, 0
    renderer = mujoco.Renderer(model, 84, 84) if cameras else None
    model.vis.quality.shadowsize, model.vis.quality.offsamples = saved
    option = mujoco.MjvOption()
    option.geomgroup[VISUAL_GROUP], option.geomgroup[COLLISION_GROUP] = False, True
    option.flags[mujoco.mjtVisFlag.mjVIS_TEXTURE] = False

    def steps() -> None:
        for _ in range(TICKS):
            mujoco.mj_step(model, data, substeps)
            for camera in cameras:
                assert renderer is not None
                renderer.update_scene(data, camera, option)
                renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
                renderer.render()

    return lambda: 1e3 / TICKS * seconds_of(steps)


def _record_rows(stage: Stage) -> list[Row]:
    asked = {"frames": FRAMES, "period_s": PERIOD_S, "episode": str(stage.pictures)}
    others = [Side("LeRobot", "LeRobot", stage.asks("LeRobot", "add", **asked), ADDING)]
    cannot = {"robosuite": "DataCollectionWrapper keeps no pictures", "robomimic": "it records nothing"}
    with recording(stage.folder / "frames") as recorder:
        return stage.compare(RECORDING, lambda: _add(recorder, stage.session.read(0)), others, ROUNDS, **cannot)


def _add(recorder: Recorder, episode: Episode) -> float:
    """Median milliseconds of adding a frame, one every PERIOD_S."""
    steps, times = steps_of(episode), []
    recorder.begin(seed=0)
    due_s = time.perf_counter()
    for k in range(FRAMES):
        due_s += PERIOD_S
        time.sleep(max(0.0, due_s - time.perf_counter()))
        times.append(seconds_of(lambda k=k: recorder.add(steps[k % len(steps)])))
    recorder.finish(Outcome.SUCCESS, "", End(episode.final_obs, steps[-1].sim_state))
    return 1e3 * float(np.median(times))
