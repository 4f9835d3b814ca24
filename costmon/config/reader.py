"""Read variables one by one and collect what is wrong with them instead of stopping."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from costmon.config.credentials import SOURCES
from costmon.config.parsers import Refused
from costmon.config.secret import MASK
from costmon.config.variables import Variable
from costmon.errors import Fault

T = TypeVar("T")


class Reader:
    """A mapping of texts, and the faults found in it so far.

    A faulty variable reads as its default, so that every other check can still be made; nobody
    sees that value, because the faults end the start.
    """

    def __init__(self, environ: Mapping[str, str], faults: Iterable[Fault] = ()) -> None:
        self._environ = environ
        self.faults: list[Fault] = list(faults)

    @property
    def environ(self) -> Mapping[str, str]:
        """Return the variables as texts."""
        return self._environ

    def given(self, variable: Variable[object]) -> bool:
        """Tell whether a variable is set; an empty one is not."""
        return bool(self._environ.get(variable.name, "").strip())

    def read(self, variable: Variable[T]) -> T:
        """Return the value, or the default of a variable that has one."""
        value = self.read_optional(variable)
        if value is None and variable.default is not None:
            return variable.parse(variable.default)
        return value  # type: ignore[return-value]  # a variable without default is read_optional's

    def read_optional(self, variable: Variable[T]) -> T | None:
        """Return the value; `None` when it is unset or at fault."""
        text = self.text(variable.name, secret=variable.secret)
        if text is None:
            return None
        try:
            return variable.parse(text)
        except Refused as refused:
            self.refuse(variable.name, MASK if variable.secret else text, str(refused))
            return None

    def text(self, name: str, *, secret: bool) -> str | None:
        """Return a variable's text without outer blanks; a secret may come from elsewhere."""
        sources = SOURCES if secret else SOURCES[:1]
        given = [
            (source, text)
            for source in sources
            if (text := self._environ.get(name + source.suffix, "").strip())
        ]
        if not given:
            return None
        source, text = given[-1]
        faulty, shown = name + source.suffix, text if source.is_shown else MASK
        if len(given) > 1:
            other = name + given[0][0].suffix
            self.refuse(faulty, shown, f"either this or {other}: unset one of them")
            return None
        try:
            return source.secret(text)
        except Refused as refused:
            self.refuse(faulty, shown, str(refused))
            return None

    def refuse(self, name: str, value: str, accepted: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(name=name, value=value, accepted=accepted))

    def refuse_unknown(self, name: str, known: Iterable[str], what: str) -> None:
        """Note an unknown name, with the nearest known one."""
        self.refuse(name, "", f"is not a {what} of costmon{did_you_mean(name, known)}")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?` for the nearest known name, or nothing."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else ""
