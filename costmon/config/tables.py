"""Walk the tables of `costmon.toml` and collect what is wrong with them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from costmon.config.parsers import Refused
from costmon.config.reader import Reader, did_you_mean
from costmon.errors import InputError

T = TypeVar("T")

_LONGEST_SHOWN = 60


class TableReader(Reader):
    """Tables that are read, and the faults found in them so far."""

    def __init__(self) -> None:
        super().__init__({})

    def known_keys(
        self, where: str, table: Mapping[str, object], known: Collection[str], what: str
    ) -> None:
        """Note a fault for every key that is not known."""
        for key in table:
            if key not in known:
                dot = "." if where else ""
                near = did_you_mean(key, known)
                self.refuse(f"{where}{dot}{key}", "", f"is not a {what} of costmon{near}")

    def table(self, where: str, value: object) -> Mapping[str, object]:
        """Return a table; an empty one, and a fault, when it is not a table."""
        if isinstance(value, dict):
            return value
        self.refuse(where, shown(value), f"a table: write [{where}]")
        return {}

    def listed(self, name: str, tables: object) -> Sequence[Mapping[str, object]]:
        """Return the tables of one name; nothing, and a fault, when it is not a list of tables."""
        if isinstance(tables, list) and all(isinstance(table, dict) for table in tables):
            return tables
        self.refuse(name, shown(tables), f"tables: write [[{name}]] with two brackets")
        return ()


class TableEntry:
    """One table, whose values are checked one by one.

    Args:
        read: Collects the faults.
        where: The table's place in the file, such as `manual[0]`.
        table: Its keys and values.
    """

    def __init__(self, read: TableReader, where: str, table: Mapping[str, object]) -> None:
        self.read = read
        self.where = where
        self.table = table

    def value(self, key: str, check: Callable[[object], T], *, needed: str = "") -> T | None:
        """Return a checked value; `None` when it is absent or not valid.

        Args:
            key: The key in the table.
            check: Raises `Refused` or `InputError` for a value that is not valid.
            needed: What is accepted, for a key that must not be absent.
        """
        value = self.table.get(key)
        if value is None:
            if needed:
                self.refuse(key, needed)
            return None
        try:
            return check(value)
        except (InputError, Refused) as error:
            self.refuse(key, str(error))
            return None

    def refuse(self, key: str, accepted: str) -> None:
        """Note a fault of a key of this table."""
        self.read.refuse(f"{self.where}.{key}", shown(self.table.get(key)), accepted)


def text_of(longest: int) -> Callable[[object], str]:
    """Accept a text in one line, at most so many characters; outer blanks are removed."""

    def check(value: object) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > longest:
            msg = f"a text in quotes, at most {longest} characters"
            raise Refused(msg)
        if not value.isprintable():
            raise Refused("a text in one line")
        return value.strip()

    return check


def shown(value: object) -> str:
    """Return a value of the file as an error shows it, at most a line's rest."""
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
