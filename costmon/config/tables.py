"""Walk the tables of `costmon.toml` and collect what is wrong with them."""

from collections.abc import Collection, Mapping, Sequence

from costmon.config.reader import Reader, did_you_mean

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
        """Return the tables of one name; none, and a fault, when they are not written as such."""
        if isinstance(tables, list) and all(isinstance(table, dict) for table in tables):
            return tables
        self.refuse(name, shown(tables), f"tables: write [[{name}]] with two brackets")
        return ()


def shown(value: object) -> str:
    """Return a value of the file as an error shows it, at most a line's rest."""
    text = "" if value is None else str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
