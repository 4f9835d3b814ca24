"""Wrap a function of another module, and restore it without undoing wrappers of others."""

from typing import Any


class Patch:
    """A wrapped function; other libraries may wrap it again.

    Attributes:
        owner: The class or module.
        name: Name of the function.
        ours: The wrapper.
    """

    def __init__(self, owner: Any, name: str, before: Any, ours: Any, *, is_added: bool) -> None:
        self.owner = owner
        self.name = name
        self.ours = ours
        self._before = before
        self._is_added = is_added

    def apply(self) -> None:
        """Put the wrapper in place."""
        setattr(self.owner, self.name, self.ours)

    def is_in_chain(self) -> bool:
        """Return whether the wrapper is in place, perhaps inside those of other libraries."""
        now = vars(self.owner).get(self.name)
        return now is not None and now is not self._before

    def remove(self) -> bool:
        """Restore the original, unless that would remove a wrapper of another library.

        Returns:
            Whether it was restored; otherwise the wrapper is still called.
        """
        if vars(self.owner).get(self.name) is not self.ours:
            return False
        if self._is_added:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, self._before)
        return True
