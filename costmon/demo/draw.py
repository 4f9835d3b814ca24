"""Draw numbers and ids from a seed and a name, so that order and repetition change nothing."""

import hashlib
import uuid


def draw(seed: int, *words: object, below: int) -> int:
    """Return an integer in [0, below) that depends on nothing but the arguments."""
    text = "\x1f".join(str(word) for word in (seed, *words))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) % below


def draw_id(seed: int, *words: object) -> str:
    """Return a UUID that depends on nothing but the arguments."""
    text = "\x1f".join(str(word) for word in (seed, *words))
    return str(uuid.UUID(bytes=hashlib.blake2b(text.encode(), digest_size=16).digest(), version=4))
