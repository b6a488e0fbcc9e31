"""Raw gamepad through `inputs`: for pads that SDL does not map, and where there is no SDL to run.

Reading blocks, so one thread reads and adds the events up; `poll` takes what there is.
"""

import contextlib
import os
import struct
import threading
from collections.abc import Callable, Sequence
from typing import Any

from data.errors import UserError
from data.schema import Source
from teleop.devices import no_raw_gamepad
from teleop.devices.device import Pulse, View
from teleop.devices.pads import choose_pad, is_same
from teleop.devices.raw_codes import RawEvent, RawState
from teleop.devices.raw_sources import RawPad, raw_pads
from teleop.stick import Stick

LOOK_AGAIN_S = 0.25
GONE = (OSError, RuntimeError, struct.error)  # inputs' UnpluggedError is a RuntimeError; half an event is a broken device
DROPPED = ("Sync", "SYN_DROPPED")


class RawGamepad:
    """The pad that is wished (number, part of the name, GUID; "" for the first); unplugged, it is waited for."""

    source = Source.HUMAN

    def __init__(self, wish: str = "", find: Callable[[], Sequence[RawPad]] = raw_pads) -> None:
        pads = find()
        if not pads:
            raise no_raw_gamepad()
        self._find, self._lock, self._closing = find, threading.Lock(), threading.Event()
        self.info = choose_pad([pad.info for pad in pads], wish)
        self.name, self.profile = f"raw gamepad: {self.info.name}", self.info.profile
        self._pad = next(pad for pad in pads if pad.info == self.info)
        self._connected = self._was_lost = False
        self._open(self._pad)
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="raw gamepad", daemon=True)
        self._thread.start()

    def poll(self, events: Sequence[Any], view: View) -> Stick:
        """Neutral and not connected at least once after the pad was unplugged, also when it is back already."""
        with self._lock:
            lost, self._was_lost = self._was_lost or not self._connected, False
            return Stick(connected=False) if lost else self._state.take()

    def rumble(self, pulse: Pulse) -> None:
        """A pad without motors stays quiet, and so does one that may not be written to."""
        with self._lock:
            if self._connected:
                self._pad.source.rumble(pulse)

    def close(self) -> None:
        """Ends the thread, also while it waits for an event."""
        self._closing.set()
        os.write(self._wake_write, b"x")
        self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _open(self, pad: RawPad) -> None:
        layout = pad.source.open()
        with self._lock:
            self._pad, self._state, self._connected = pad, RawState(layout), True
            self._catch_up()
            self._state.take()  # what is held already was not pressed now

    def _catch_up(self) -> None:
        for event in self._pad.source.now():
            self._state.fold(event)

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(*GONE):
                for event in self._pad.source.events(self._closing, self._wake_read):
                    self._note(event)
            with self._lock:
                self._connected, self._was_lost = False, True
                self._pad.source.close()
            self._wait_for_it()

    def _note(self, event: RawEvent) -> None:
        with self._lock:
            if event[:2] == DROPPED:  # the kernel's queue ran over
                self._catch_up()
            self._state.fold(event)

    def _wait_for_it(self) -> None:
        there = frozenset(pad.info.instance for pad in self._find())
        while not self._closing.wait(LOOK_AGAIN_S):
            same = next((pad for pad in self._find() if is_same(self.info, pad.info, there)), None)
            with contextlib.suppress(UserError, *GONE):  # just plugged in: its rights come a moment later
                if same is not None:
                    self._open(same)
                    return
