"""Tell which user runs this process."""

import getpass


def user_name() -> str:
    """Return the name to record as the author of a decision; `unknown` if the user has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry; Python 3.13 raises OSError
        return "unknown"
