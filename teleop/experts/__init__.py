"""What a person who knows the task would do next: one pure function of the state per task."""

from data.errors import UserError, one_of
from teleop.envs.arm import ArmEnv
from teleop.envs.tasks.detour import Detour
from teleop.envs.tasks.drawer import Drawer
from teleop.envs.tasks.lift import Lift
from teleop.envs.tasks.peg_insert import PegInsert
from teleop.envs.tasks.pick_place import PickPlace
from teleop.envs.tasks.push import Push
from teleop.envs.tasks.reach import Reach
from teleop.envs.tasks.sort import Sort
from teleop.envs.tasks.stack import Stack
from teleop.experts.aim import Expert
from teleop.experts.detour import detour_expert
from teleop.experts.drawer import drawer_expert
from teleop.experts.lift import lift_expert
from teleop.experts.peg_insert import peg_insert_expert
from teleop.experts.pick_place import pick_place_expert
from teleop.experts.push import push_expert
from teleop.experts.reach import reach_expert
from teleop.experts.sort import sort_expert
from teleop.experts.stack import stack_expert

EXPERTS: dict[type[ArmEnv], Expert] = {
    Reach: reach_expert,
    Lift: lift_expert,
    Push: push_expert,
    PickPlace: pick_place_expert,
    Stack: stack_expert,
    PegInsert: peg_insert_expert,
    Drawer: drawer_expert,
    Detour: detour_expert,
    Sort: sort_expert,
}


def expert_for(env: ArmEnv) -> Expert:
    """The expert of this env's task."""
    if type(env) not in EXPERTS:
        raise UserError(f"no scripted operator knows {type(env).__name__}; allowed: {one_of(e.__name__ for e in EXPERTS)}")
    return EXPERTS[type(env)]
