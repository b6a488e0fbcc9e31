"""Events: all of pygame's, also when a joystick comes and goes faster than they are asked for."""

from typing import Any


def drain_events() -> list[Any]:
    """What `pygame.event.get` returns, one by one.

    A joystick that is gone before pygame has heard of it makes `get` fail (pygame 2.6: SystemError, KeyError) and drop
    every other event; here only that one is dropped.
    """
    import pygame

    events: list[Any] = []
    while True:
        try:
            event = pygame.event.poll()
        except SystemError:
            continue
        if event.type == pygame.NOEVENT:
            return events
        events.append(event)
