"""Replace a file atomically: readers see the old content or the new one, never a part."""

import contextlib
import os
from pathlib import Path


def replace_file(
    path: Path, content: bytes, *, mode: int = 0o666, temporary: Path | None = None
) -> None:
    """Write a file beside its place, sync it, and rename it.

    Args:
        path: The file; it need not exist.
        content: All of it.
        mode: Its permissions, less the umask; those of the previous file are not kept.
        temporary: Where it is written first, in the same folder; default: a hidden file with the
            process id in its name.

    Raises:
        OSError: It cannot be written; the previous content is still there.
    """
    new = temporary or path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        file = os.open(
            new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode
        )
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(file)
        new.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise
