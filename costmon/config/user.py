"""Tell which user runs a process."""

import getpass
import pwd


def user_name() -> str:
    """Return the name to record as the author of a decision; `unknown` if the user has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry; Python 3.13 raises OSError
        return "unknown"


def name_of_user(uid: int) -> str:
    """Return the name of a user of this machine, whatever the environment says."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
