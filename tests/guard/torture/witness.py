"""The witness: what every thread did, written down before and after, one line each.

A line is `<kind> <operation> <CLOCK_MONOTONIC ns> ...`, appended by one `write`, so that a process
that is killed leaves at most one operation of each thread in doubt. Small letters are written
before, capitals after:

    r <chain> <nano> <wall> <key> <program>
                                    reserve;   G <id> granted, N <why> refused, E failed: in doubt
    s <id> <nano> <bytes>           settle;    S
    l <id>                          release;   L
    o [wall]                        another operation that moves no money, a reading at a time;   O
    c <what> <name> <value>         change of the settings;   C
    z <scope> <period> <wall>       reset;     Z
    w <ahead>                       from here on the clock of no program is further ahead of
                                    CLOCK_MONOTONIC than by these seconds
"""

import os
import time


class Witness:
    """The log of one thread."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.number = 0

    def before(self, kind, *details):
        self.number += 1
        self._write(kind, details)

    def after(self, kind, *details):
        self._write(kind, details)

    def _write(self, kind, details):
        line = f"{kind} {self.number} {time.monotonic_ns()} {' '.join(map(str, details))}\n"
        os.write(self._file, line.encode())

    def close(self):
        os.close(self._file)


class Lease:
    """All that is known of one lease.

    Attributes:
        program: The one that asked, a number of `course.PROGRAMS`.
        begun, granted: When it was asked for, and when the answer was there, ns; `None`: never.
        ends: `(before, after, nano, bytes)` of each attempt to end it; `nano` is `None` for a
            release, `after` when the answer never came.
    """

    __slots__ = (
        "activity",
        "begun",
        "chain",
        "ends",
        "granted",
        "id",
        "key",
        "nano",
        "program",
        "w",
    )

    def __init__(self, activity, begun, chain, nano, w, key, program):
        self.activity = activity
        self.begun = begun
        self.granted = None
        self.chain = chain
        self.nano = nano
        self.w = w
        self.key = key
        self.program = program
        self.id = None
        self.ends = []


class Testimony:
    """What all witnesses wrote."""

    def __init__(self):
        self.leases = {}
        """By id."""
        self.doubts = []
        """Leases that may or may not have been granted."""
        self.changes = []
        """`(before, after, what, name, value)`."""
        self.resets = []
        """`(before, after, scope, period, wall)`."""
        self.clocks = []
        """`(since, ahead)`: how far the programs' clocks were ahead of CLOCK_MONOTONIC at most."""
        self.latest_s = 0.0
        """The latest time of the wall clock that the guard may have been asked at."""
        self.operations = 0
        self.refused = {}
        self.unsettled = 0
        """Ends of leases that nobody knows: must be 0."""
        self.wrong_keys = 0
        """Keys that named two leases: must be 0."""

    def read(self, folder):
        ends: list[tuple[int, int, str, int | None, int]] = []
        for path in sorted(folder.glob("*.log")):
            self._read_one(path, ends)
        for end in sorted(ends):
            lease = self.leases.get(end[2])
            if lease is None:
                self.unsettled += 1
            else:
                lease.ends.append((end[0], end[1], end[3], end[4]))
        keys: dict[str, str] = {}
        for lease in self.leases.values():
            if lease.key != "-" and keys.setdefault(lease.key, lease.id) != lease.id:
                self.wrong_keys += 1
        self.doubts = [one for one in self.doubts if one.key == "-" or one.key not in keys]
        seen = set()
        for one in list(self.doubts):
            # Two threads that asked with one key asked for one lease.
            if one.key != "-" and one.key in seen:
                self.doubts.remove(one)
            seen.add(one.key)
        return self

    def _read_one(self, path, ends):
        activity = path.name.partition("-")[0]
        open_line = None
        for text in path.read_text("ascii").splitlines():
            kind, number, at, *rest = text.split(" ")
            if kind == "w":
                self.clocks.append((int(at), float(rest[0])))
                self.latest_s = max(self.latest_s, int(at) / 1e9 + float(rest[0]))
                continue
            if kind.islower():
                if open_line is not None:
                    self._in_doubt(activity, open_line, ends)
                open_line = (kind, number, int(at), rest)
                if kind in _WALLS and rest[_WALLS[kind]]:
                    self.latest_s = max(self.latest_s, float(rest[_WALLS[kind]]))
                self.operations += 1
                continue
            assert open_line is not None, (path, text)
            assert open_line[1] == number, (path, text)
            self._answered(activity, open_line, kind, int(at), rest, ends)
            open_line = None
        if open_line is not None:
            self._in_doubt(activity, open_line, ends)

    def _answered(self, activity, line, kind, at, rest, ends):
        _, _, before, details = line
        if kind == "G":
            (lease_id,) = rest
            lease = _asked(activity, line)
            lease.id, lease.granted = lease_id, at
            known = self.leases.get(lease_id)
            if known is None:
                self.leases[lease_id] = lease
            elif known.key != lease.key or known.key == "-":
                self.wrong_keys += 1
            else:
                # Whoever was first made it: it certainly is there from the first answer on.
                known.begun = min(known.begun, lease.begun)
                known.granted = min(known.granted, lease.granted)
        elif kind == "N":
            self.refused[rest[0]] = self.refused.get(rest[0], 0) + 1
        elif kind == "E":
            self._in_doubt(activity, line, ends)
        elif kind == "S":
            ends.append((before, at, details[0], int(details[1]), int(details[2])))
        elif kind == "L":
            ends.append((before, at, details[0], None, 0))
        elif kind == "C":
            self.changes.append((before, at, details[0], details[1], int(details[2])))
        elif kind == "Z":
            self.resets.append((before, at, details[0], details[1], float(details[2])))

    def _in_doubt(self, activity, line, ends):
        kind, _, before, details = line
        if kind == "r":
            self.doubts.append(_asked(activity, line))
        elif kind == "s":
            ends.append((before, _NEVER, details[0], int(details[1]), int(details[2])))
        elif kind == "l":
            ends.append((before, _NEVER, details[0], None, 0))
        elif kind == "c":
            self.changes.append((before, _NEVER, details[0], details[1], int(details[2])))
        elif kind == "z":
            self.resets.append((before, _NEVER, details[0], details[1], float(details[2])))


_NEVER = 1 << 62
_WALLS = {"r": 2, "z": 2, "o": 0}
"""Where the time of the wall clock is among the details of a line."""


def _asked(activity, line):
    _, _, before, (chain, nano, wall, key, program) = line
    return Lease(activity, before, int(chain), int(nano), float(wall), key, int(program))
