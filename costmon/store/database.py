"""Which database a URL means, and how to show it without its password."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from costmon.errors import StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Where history is kept.

    Attributes:
        url: What SQLAlchemy connects to; holds the password, so it is never shown.
        shown: How texts name it: the file, or server and host, never a credential.
        file: The SQLite file; `None` for a server.
    """

    url: URL
    shown: str
    file: Path | None

    def __repr__(self) -> str:
        return f"<Database {self.shown}>"


def locate(url: str) -> Database:
    """Parse a database URL; plain `postgresql://` means psycopg 3.

    Raises:
        StoreError: It is not a SQLAlchemy URL, or names an SQLite database in memory, which two
            connections would not share and no restart would survive.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Without the cause: its text could quote the password.
        msg = (
            "the database URL cannot be read: give sqlite:///PATH or postgresql://USER@HOST/NAME"
            " (percent-encode special characters in the password)"
        )
        raise StoreError(msg) from None
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    password = parsed.query.get("password")
    if isinstance(password, str):
        # SQLAlchemy masks a password only where a password belongs.
        parsed = parsed.difference_update_query(["password"]).set(password=password)
    backend = parsed.get_backend_name()
    if backend != "sqlite":
        port = f":{parsed.port}" if parsed.port else ""
        return Database(
            url=parsed, shown=f"the {backend} database at {parsed.host or 'local'}{port}", file=None
        )
    if parsed.database in {None, "", ":memory:"} or parsed.query:
        msg = "history needs a database file: give sqlite:///PATH, without options"
        raise StoreError(msg)
    file = Path(str(parsed.database))
    return Database(url=parsed, shown=f"the database {file}", file=file)
