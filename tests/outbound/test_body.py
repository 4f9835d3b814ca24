"""A body is collected within its size, in memory too."""

import gzip
import tracemalloc

import pytest

from costmon.outbound.body import Body, BodyTooLargeError, BodyTruncatedError


def test_a_bomb_is_not_unpacked_beyond_the_size():
    bomb = gzip.compress(b" " * 50_000_000)
    body = Body(max_bytes=100_000, compressed=True)

    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLargeError):
            body.taken(bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 1_000_000


def test_a_compressed_body_may_come_byte_by_byte():
    body = Body(max_bytes=100, compressed=True)

    taken = b"".join(body.taken(bytes([byte])) for byte in gzip.compress(b"whole"))
    body.check_end()

    assert taken == b"whole"


def test_a_compressed_body_without_its_end_is_not_whole():
    body = Body(max_bytes=100, compressed=True)
    body.taken(gzip.compress(b"whole")[:-1])

    with pytest.raises(BodyTruncatedError):
        body.check_end()
