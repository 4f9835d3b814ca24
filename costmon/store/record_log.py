"""A pre-allocated file of checked records, first in, first out.

Layout: two header slots of 512 bytes in the first 4096, then two halves. Records are appended to
the active half; the other one is where the records that stay are copied when the active one is
full. The header says which half is active and where its first waiting record is; its slots are
written in turn, so that a torn write leaves the other.

A record is its length, a CRC-32 over number and payload, its number, and the payload. Numbers only
rise, so bytes that an earlier use of a half left behind are never taken for records.

A record whose bytes are damaged costs itself only: the next intact one is found by its number and
its checksum. Damaged bytes are set aside in a file beside this one, and counted in the header.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from costmon.errors import StoreUnavailableError
from costmon.store.set_aside import set_aside

_MAGIC = b"costmonJ"
_HEADER = struct.Struct("<8sQBQQQQ")  # magic, write count, half, head, number, dropped, half size
_MORE = struct.Struct("<QQ")  # last number, unreadable; absent in files of older versions
_CHECK = struct.Struct("<I")
_NUMBER = struct.Struct("<Q")
_RECORD = struct.Struct("<IIQ")  # length, crc, number
_SLOT = 512
_START = 4096
_SMALLEST_HALF = 4096
_BLOCK = 64 * 1024
_FARTHEST = 0xFFFF
"""How many records in a row may be damaged before an intact one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What the header says.

    Attributes:
        writes: Counts header writes; the slot with the higher one is the present one.
        half: The active half, 0 or 1.
        offset: Where the first waiting record begins, within the half.
        number: The number of that record, or of the next to come.
        dropped: Records that were dropped for lack of space, ever.
        half_bytes: The size of each half.
        last: The number of the newest record; 0 when an older version wrote the header.
        unreadable: Records that were set aside or lost to damage, ever.
    """

    writes: int
    half: int
    offset: int
    number: int
    dropped: int
    half_bytes: int
    last: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Damage:
    """Bytes of the active half that should have been records.

    Attributes:
        offset: Where they begin.
        end: Where they end.
        number: The number of the first record in them.
        records: How many records they were.
    """

    offset: int
    end: int
    number: int
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A waiting record.

    Attributes:
        offset: Where it begins, within the active half.
        number: Its number.
        length: Bytes of its payload.
    """

    offset: int
    number: int
    length: int

    @property
    def end(self) -> int:
        """Return where the next record begins."""
        return self.offset + _RECORD.size + self.length


class RecordLog:
    """The file. Not thread-safe; what it returns from `append` on is on the disk.

    Raises:
        OSError: The file cannot be opened, or the disk has no space for it.
    """

    def __init__(self, path: Path, capacity_bytes: int) -> None:
        self._path = path
        self._log = structlog.get_logger("costmon.store")
        half_bytes = max((capacity_bytes - _START) // 2, _SMALLEST_HALF)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._head = self._open(half_bytes)
            os.posix_fallocate(self._file, 0, _START + 2 * self._head.half_bytes)
            self.entries, damages = self._scan()
            if damages:
                self._give_up(damages)
            if not self.entries and self._head.half_bytes != half_bytes:
                self._resize(half_bytes)
            self._write_head(self._head)
            os.fsync(self._file)
        except BaseException:
            os.close(self._file)
            raise

    @property
    def dropped(self) -> int:
        """Return how many records were dropped since the file was created."""
        return self._head.dropped

    @property
    def unreadable(self) -> int:
        """Return how many records could not be read or used since the file was created."""
        return self._head.unreadable

    @property
    def free_bytes(self) -> int:
        """Return the largest payload that can be appended now."""
        return self._head.half_bytes - self._end - _RECORD.size

    @property
    def largest_bytes(self) -> int:
        """Return the largest payload that fits into an empty log."""
        return self._head.half_bytes - _RECORD.size

    @staticmethod
    def room_for(lengths: list[int]) -> int:
        """Return the bytes that payloads of these lengths take together."""
        return sum(lengths) + len(lengths) * _RECORD.size

    def append(self, payload: bytes) -> None:
        """Add a record; the caller has checked the space. On the disk when this returns."""
        entry = Entry(offset=self._end, number=self._next_number, length=len(payload))
        self._pwrite(_framed(entry.number, payload), self._head.half, entry.offset)
        self._write_head(replace(self._head, last=entry.number))
        os.fdatasync(self._file)
        self.entries.append(entry)

    def read(self, entry: Entry) -> bytes:
        """Return the payload of a waiting record."""
        return self._payload(self._head.half, entry)

    def drop_first(self) -> None:
        """Forget the first record. After a power cut it may be back; after a kill it is not."""
        self._drop_first(unreadable=0)

    def set_aside_first(self, reason: str) -> None:
        """Move the first record, which is of no use, to the file beside this one; count it."""
        first = self.entries[0]
        set_aside(self._path, first.number, self.read(first), reason)
        self._drop_first(unreadable=1)

    def _drop_first(self, *, unreadable: int) -> None:
        gone = self.entries.pop(0)
        offset = self.entries[0].offset if self.entries else 0
        number = self.entries[0].number if self.entries else gone.number + 1
        self._write_head(
            replace(
                self._head,
                offset=offset,
                number=number,
                unreadable=self._head.unreadable + unreadable,
            )
        )

    def keep_only(self, kept: list[Entry], *, dropped: int, unreadable: int = 0) -> None:
        """Move `kept` to the other half and make it the active one, in one step.

        Args:
            kept: Of `entries`, in their order.
            dropped: How many more records to count as dropped.
            unreadable: How many more to count as unreadable.
        """
        half, offset, number = 1 - self._head.half, 0, self._next_number
        moved: list[Entry] = []
        for entry in kept:
            payload = self.read(entry)
            self._pwrite(_framed(number, payload), half, offset)
            moved.append(Entry(offset=offset, number=number, length=entry.length))
            offset, number = moved[-1].end, number + 1
        # A move that a crash interrupted may have left later numbers behind.
        self._clear(half, offset)
        os.fdatasync(self._file)
        self._write_head(
            replace(
                self._head,
                half=half,
                offset=0,
                number=moved[0].number if moved else number,
                last=number - 1,
                dropped=self._head.dropped + dropped,
                unreadable=self._head.unreadable + unreadable,
            )
        )
        os.fdatasync(self._file)
        self.entries = moved

    def count_dropped(self) -> None:
        """Count a record that was dropped without ever being appended."""
        self._write_head(replace(self._head, dropped=self._head.dropped + 1))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    @property
    def _end(self) -> int:
        return self.entries[-1].end if self.entries else 0

    @property
    def _next_number(self) -> int:
        last = self.entries[-1].number if self.entries else self._head.number - 1
        return max(last, self._head.last) + 1

    def _open(self, half_bytes: int) -> Head:
        heads = [head for slot in (0, 1) if (head := self._read_head(slot)) is not None]
        if heads:
            return max(heads, key=lambda head: head.writes)
        fresh = Head(writes=0, half=0, offset=0, number=1, dropped=0, half_bytes=half_bytes)
        size = os.fstat(self._file).st_size
        if not size:
            return fresh
        for guess in dict.fromkeys(((size - _START) // 2, half_bytes)):
            found = self._active_half(replace(fresh, half_bytes=guess))
            if found is not None:
                self._log.error(
                    "store.journal_header_unreadable",
                    path=str(self._path),
                    hint="its records were found; some may have been written before",
                )
                return found
        aside = self._path.with_name(self._path.name + ".damaged")
        self._log.error("store.journal_unreadable", path=str(self._path), moved_to=str(aside))
        self._path.replace(aside)
        os.close(self._file)
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return replace(fresh, unreadable=1)

    def _active_half(self, guess: Head) -> Head | None:
        """Find the half whose first record has the higher number: it was the last one in use."""
        self._head = guess
        firsts = []
        for half in (0, 1):
            length, crc, number = _unpacked(self._pread(half, 0, _RECORD.size))
            entry = Entry(offset=0, number=number, length=length)
            if number and self._is_intact(half, entry, crc):
                firsts.append((number, half))
        if not firsts:
            return None
        number, half = max(firsts)
        return replace(guess, half=half, number=number)

    def _scan(self) -> tuple[list[Entry], list[_Damage]]:
        """Return the waiting records, and the damage between and behind them."""
        entries: list[Entry] = []
        damages: list[_Damage] = []
        offset, number = self._head.offset, self._head.number
        while True:
            entry = self._entry_at(offset, number) or self._next_intact(offset, number)
            if entry is None:
                break
            if entry.number > number:
                lost = entry.number - number
                damages.append(
                    _Damage(offset=offset, end=entry.offset, number=number, records=lost)
                )
            entries.append(entry)
            offset, number = entry.end, entry.number + 1
        last = self._head.last
        length, _, found = _unpacked(self._pread(self._head.half, offset, _RECORD.size))
        if found == number:
            last = max(last, number)
        if last >= number:
            end = min(offset + _RECORD.size + min(length, _BLOCK), self._head.half_bytes)
            damages.append(
                _Damage(offset=offset, end=end, number=number, records=last - number + 1)
            )
        return entries, damages

    def _entry_at(self, offset: int, number: int) -> Entry | None:
        """Return the intact record of that number at that place."""
        length, crc, found = _unpacked(self._pread(self._head.half, offset, _RECORD.size))
        entry = Entry(offset=offset, number=number, length=length)
        return entry if found == number and self._is_intact(self._head.half, entry, crc) else None

    def _is_intact(self, half: int, entry: Entry, crc: int) -> bool:
        return entry.end <= self._head.half_bytes and crc == _crc(
            entry.number, self._payload(half, entry)
        )

    def _next_intact(self, offset: int, number: int) -> Entry | None:
        """Return the first intact record behind `offset` that is later than `number`."""
        for start in range(offset, self._head.half_bytes, _BLOCK):
            # A number that begins in this block may end in the next one.
            block = self._pread(self._head.half, start, _BLOCK + _RECORD.size)
            for later in self._numbers_in(block, number + 1):
                place = start + later - (_RECORD.size - _NUMBER.size)
                (found,) = _NUMBER.unpack_from(block, later)
                if place >= offset and (entry := self._entry_at(place, found)) is not None:
                    return entry
        return None

    @staticmethod
    def _numbers_in(block: bytes, lowest: int) -> Iterator[int]:
        """Yield where in a block the bytes look like one of the next record numbers."""
        highest = lowest + _FARTHEST
        if block == bytes(len(block)):
            return
        # All of these numbers share their higher six bytes, or there are two such groups.
        for shared in dict.fromkeys((_NUMBER.pack(lowest)[2:], _NUMBER.pack(highest)[2:])):
            where = block.find(shared, 2)
            while where >= 0:
                if lowest <= _NUMBER.unpack_from(block, where - 2)[0] <= highest:
                    yield where - 2
                where = block.find(shared, where + 1)

    def _give_up(self, damages: list[_Damage]) -> None:
        """Set damaged bytes aside, and go on without them."""
        for damage in damages:
            content = self._pread(self._head.half, damage.offset, damage.end - damage.offset)
            set_aside(
                self._path,
                damage.number,
                content.rstrip(b"\0"),
                "its bytes are damaged",
                records=damage.records,
            )
        self.keep_only(
            self.entries, dropped=0, unreadable=sum(damage.records for damage in damages)
        )

    def _clear(self, half: int, offset: int) -> None:
        """Overwrite what an earlier use left in the rest of a half."""
        while offset < self._head.half_bytes:
            length = min(_BLOCK, self._head.half_bytes - offset)
            if self._pread(half, offset, length) != bytes(length):
                self._pwrite(bytes(length), half, offset)
            offset += length

    def _payload(self, half: int, entry: Entry) -> bytes:
        return self._pread(half, entry.offset + _RECORD.size, entry.length)

    def _resize(self, half_bytes: int) -> None:
        os.ftruncate(self._file, _START)
        os.posix_fallocate(self._file, 0, _START + 2 * half_bytes)
        self._head = replace(self._head, half=0, offset=0, half_bytes=half_bytes)

    def _read_head(self, slot: int) -> Head | None:
        raw = os.pread(self._file, _SLOT, slot * _SLOT)
        if len(raw) < _HEADER.size + _CHECK.size:
            return None
        body, (check,) = raw[: _HEADER.size], _CHECK.unpack_from(raw, _HEADER.size)
        magic, writes, half, offset, number, dropped, half_bytes = _HEADER.unpack(body)
        if magic != _MAGIC or check != zlib.crc32(body):
            return None
        last, unreadable = _more(raw[_HEADER.size + _CHECK.size :], body)
        return Head(
            writes=writes,
            half=half,
            offset=offset,
            number=number,
            dropped=dropped,
            half_bytes=half_bytes,
            last=last,
            unreadable=unreadable,
        )

    def _write_head(self, head: Head) -> None:
        head = replace(head, writes=head.writes + 1)
        body = _HEADER.pack(
            _MAGIC,
            head.writes,
            head.half,
            head.offset,
            head.number,
            head.dropped,
            head.half_bytes,
        )
        more = _MORE.pack(head.last, head.unreadable)
        slot = body + _CHECK.pack(zlib.crc32(body)) + more + _CHECK.pack(zlib.crc32(body + more))
        os.pwrite(self._file, slot, head.writes % 2 * _SLOT)
        self._head = head

    def _pread(self, half: int, offset: int, length: int) -> bytes:
        return os.pread(self._file, length, self._where(half, offset))

    def _pwrite(self, data: bytes, half: int, offset: int) -> None:
        view, where = memoryview(data), self._where(half, offset)
        while view:
            written = os.pwrite(self._file, view, where)
            view, where = view[written:], where + written

    def _where(self, half: int, offset: int) -> int:
        return _START + half * self._head.half_bytes + offset


def open_record_log(path: Path, capacity_bytes: int) -> RecordLog:
    """Return the record log in a file, which is made when missing.

    Raises:
        StoreUnavailableError: The file cannot be made or opened, or there is no room for it.
    """
    try:
        return RecordLog(path, capacity_bytes)
    except OSError as error:
        msg = (
            f"the journal {path} cannot be opened ({error.strerror}); free"
            f" {capacity_bytes // 1_000_000 + 1} MB on its disk, make its directory writable, or"
            " set COSTMON_STATE_DIR to another one"
        )
        raise StoreUnavailableError(msg) from error


def _unpacked(raw: bytes) -> tuple[int, int, int]:
    """Return length, checksum and number of a record; a header that is cut off has number 0."""
    length, crc, number = _RECORD.unpack(raw.ljust(_RECORD.size, b"\0"))
    return length, crc, number


def _more(raw: bytes, body: bytes) -> tuple[int, int]:
    """Return the last number and the count of unreadable records; 0 where they are not known."""
    if len(raw) < _MORE.size + _CHECK.size:
        return 0, 0
    more, (check,) = raw[: _MORE.size], _CHECK.unpack_from(raw, _MORE.size)
    last, unreadable = _MORE.unpack(more)
    return (last, unreadable) if check == zlib.crc32(body + more) else (0, 0)


def _crc(number: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(number.to_bytes(8, "little")))


def _framed(number: int, payload: bytes) -> bytes:
    return _RECORD.pack(len(payload), _crc(number, payload), number) + payload
