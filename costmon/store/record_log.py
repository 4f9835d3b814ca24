"""A pre-allocated file of checked records, first in, first out.

Layout: two header slots of 512 bytes in the first 4096, then two halves. Records are appended to
the active half; the other one is where the records that stay are copied when the active one is
full. The header says which half is active and where its first waiting record is; its slots are
written in turn, so that a torn write leaves the other.

A record is its length, a CRC-32 over number and payload, its number, and the payload. Numbers only
rise, so bytes that an earlier use of a half left behind are never taken for records.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from costmon.errors import StoreUnavailableError

_MAGIC = b"costmonJ"
_HEADER = struct.Struct("<8sQBQQQQ")  # magic, write count, half, head, number, dropped, half size
_CHECK = struct.Struct("<I")
_RECORD = struct.Struct("<IIQ")  # length, crc, number
_SLOT = 512
_START = 4096
_SMALLEST_HALF = 4096


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
    """

    writes: int
    half: int
    offset: int
    number: int
    dropped: int
    half_bytes: int


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
            self.entries = list(self._scan())
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
    def free_bytes(self) -> int:
        """Return the largest payload that can be appended now."""
        return self._head.half_bytes - self._end - _RECORD.size

    @property
    def largest_bytes(self) -> int:
        """Return the largest payload that an empty log takes."""
        return self._head.half_bytes - _RECORD.size

    @staticmethod
    def room_for(lengths: list[int]) -> int:
        """Return the bytes that payloads of these lengths take together."""
        return sum(lengths) + len(lengths) * _RECORD.size

    def append(self, payload: bytes) -> None:
        """Add a record; the caller has checked the space. On the disk when this returns."""
        number = self.entries[-1].number + 1 if self.entries else self._head.number
        entry = Entry(offset=self._end, number=number, length=len(payload))
        self._pwrite(_framed(number, payload), self._head.half, entry.offset)
        os.fdatasync(self._file)
        self.entries.append(entry)

    def read(self, entry: Entry) -> bytes:
        """Return the payload of a waiting record."""
        return self._payload(self._head.half, entry)

    def drop_first(self) -> None:
        """Forget the first record. After a power cut it may be back; after a kill it is not."""
        gone = self.entries.pop(0)
        offset = self.entries[0].offset if self.entries else 0
        self._write_head(replace(self._head, offset=offset, number=gone.number + 1))

    def keep_only(self, kept: list[Entry], *, dropped: int) -> None:
        """Move `kept` to the other half and make it the active one, in one step.

        Args:
            kept: Of `entries`, in their order.
            dropped: How many more records to count as dropped.
        """
        half, offset = 1 - self._head.half, 0
        number = self.entries[-1].number + 1 if self.entries else self._head.number
        moved: list[Entry] = []
        for entry in kept:
            payload = self.read(entry)
            self._pwrite(_framed(number, payload), half, offset)
            moved.append(Entry(offset=offset, number=number, length=entry.length))
            offset, number = moved[-1].end, number + 1
        # A move that a crash interrupted may have left later numbers behind.
        if offset + _RECORD.size <= self._head.half_bytes:
            self._pwrite(bytes(_RECORD.size), half, offset)
        os.fdatasync(self._file)
        self._write_head(
            replace(
                self._head,
                half=half,
                offset=0,
                number=moved[0].number if moved else number,
                dropped=self._head.dropped + dropped,
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

    def _open(self, half_bytes: int) -> Head:
        heads = [head for slot in (0, 1) if (head := self._read_head(slot)) is not None]
        if heads:
            return max(heads, key=lambda head: head.writes)
        if os.fstat(self._file).st_size:
            self._log.error("store.journal_unreadable", path=str(self._path))
        return Head(writes=0, half=0, offset=0, number=1, dropped=0, half_bytes=half_bytes)

    def _scan(self) -> Iterator[Entry]:
        head, offset, number = self._head, self._head.offset, self._head.number
        while offset + _RECORD.size <= head.half_bytes:
            length, crc, found = _RECORD.unpack(self._pread(head.half, offset, _RECORD.size))
            if found != number:
                # The end, or bytes of an earlier use.
                return
            entry = Entry(offset=offset, number=number, length=length)
            if entry.end > head.half_bytes or crc != _crc(number, self._payload(head.half, entry)):
                self._log.warning("store.journal_record_torn", path=str(self._path), number=number)
                return
            yield entry
            offset, number = entry.end, number + 1

    def _payload(self, half: int, entry: Entry) -> bytes:
        return self._pread(half, entry.offset + _RECORD.size, entry.length)

    def _resize(self, half_bytes: int) -> None:
        os.ftruncate(self._file, _START)
        os.posix_fallocate(self._file, 0, _START + 2 * half_bytes)
        self._head = replace(self._head, half=0, offset=0, half_bytes=half_bytes)

    def _read_head(self, slot: int) -> Head | None:
        raw = os.pread(self._file, _HEADER.size + _CHECK.size, slot * _SLOT)
        if len(raw) < _HEADER.size + _CHECK.size:
            return None
        body, (check,) = raw[: _HEADER.size], _CHECK.unpack(raw[_HEADER.size :])
        magic, writes, half, offset, number, dropped, half_bytes = _HEADER.unpack(body)
        if magic != _MAGIC or check != zlib.crc32(body):
            return None
        return Head(
            writes=writes,
            half=half,
            offset=offset,
            number=number,
            dropped=dropped,
            half_bytes=half_bytes,
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
        os.pwrite(self._file, body + _CHECK.pack(zlib.crc32(body)), head.writes % 2 * _SLOT)
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
            f" {capacity_bytes // 1_000_000 + 1} MB, or make its directory writable"
        )
        raise StoreUnavailableError(msg) from error


def _crc(number: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(number.to_bytes(8, "little")))


def _framed(number: int, payload: bytes) -> bytes:
    return _RECORD.pack(len(payload), _crc(number, payload), number) + payload
