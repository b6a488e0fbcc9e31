"""The README's gallery: every task while the scripted operator is at it: `make gallery` draws docs/gallery.png."""

import sys

import numpy as np
import pygame
from task_table import HOLD_TICKS

import teleop
from data.schema import Phase
from teleop.devices.device import View
from teleop.devices.scripted import OperatorConfig, ScriptedOperator
from teleop.envs import make_plant
from teleop.envs.render import PRETTY, Image
from teleop.grip import GripStyle
from teleop.guest_hands import hands_of
from teleop.mapping import Directions, MappingConfig
from teleop.screen import Orbit
from teleop.stick import Button

TILE_PX, COLUMNS = (480, 360), 3
LOOK_FROM = Orbit(azimuth_deg=-28.0, elevation_deg=2.0, zoom=0.82)
SEED = 4
# The moment that tells most, as a part of the episode.
MOMENTS = {"Reach": 0.6, "Push": 0.6, "PickPlace": 0.72, "Stack": 0.72, "Detour": 0.5, "Sort": 0.72}  # else 0.8


def drive(env_id: str, steps: int | None) -> tuple[int, Image]:
    """So many steps of a scripted episode, or all: how many there were, and the last picture."""
    env, arm = make_plant(env_id, {"max_episode_steps": -1})
    operator = ScriptedOperator(arm, MappingConfig(), OperatorConfig(skill=2.0), 0)
    hands = hands_of(arm, MappingConfig(), GripStyle.HOLD, Directions.CAMERA)
    env.reset(seed=SEED)
    while Button.START not in operator.poll((), View(Phase.READY, seed=SEED)).pressed:
        pass
    hands.begin(latched=False)
    done, held = 0, 0
    while done != steps and held < HOLD_TICKS:
        info = env.step(hands.action(operator.poll((), View(Phase.HUMAN, seed=SEED)), 180.0))[4]
        done, held = done + 1, held + 1 if info["success"] else 0
    picture = arm.draw("front", *TILE_PX, PRETTY, LOOK_FROM)
    env.close()
    return done, picture


def main(path: str) -> None:
    pygame.font.init()
    font = pygame.font.SysFont("dejavusans", 17, bold=True)
    ids = [*(f"Panda{task}-v0" for task in teleop.TASKS), "UR5ePickPlace-v0", "UR5eDrawer-v0", "UR5eSort-v0"]
    rows = -(-len(ids) // COLUMNS)
    sheet = pygame.Surface((COLUMNS * TILE_PX[0], rows * TILE_PX[1]))
    for k, env_id in enumerate(ids):
        task = next(task for task in teleop.TASKS if env_id.endswith(f"{task}-v0"))
        length, _ = drive(env_id, None)
        _, picture = drive(env_id, round(MOMENTS.get(task, 0.8) * length))
        x, y = k % COLUMNS * TILE_PX[0], k // COLUMNS * TILE_PX[1]
        sheet.blit(pygame.image.frombuffer(np.ascontiguousarray(picture).tobytes(), TILE_PX, "RGB"), (x, y))
        words = font.render(env_id, True, (255, 255, 255))
        plate = pygame.Surface((words.get_width() + 18, words.get_height() + 8))
        plate.fill((24, 28, 38))
        plate.blit(words, (9, 4))
        sheet.blit(plate, (x + 8, y + TILE_PX[1] - plate.get_height() - 8))
    pygame.image.save(pygame.transform.smoothscale(sheet, (sheet.get_width() * 3 // 4, sheet.get_height() * 3 // 4)), path)
    print(f"wrote {path}")


if __name__ == "__main__":
    main(sys.argv[1])
