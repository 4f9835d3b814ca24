"""History in a database: the only room with sqlalchemy."""

from costmon.store.backup import backup, restore
from costmon.store.fence import FenceToken
from costmon.store.inventories import StoredAccount
from costmon.store.journal import Journal
from costmon.store.migrate import check_schema, current, downgrade, upgrade
from costmon.store.retention import Retention
from costmon.store.store import Store, open_store

__all__ = [
    "FenceToken",
    "Journal",
    "Retention",
    "Store",
    "StoredAccount",
    "backup",
    "check_schema",
    "current",
    "downgrade",
    "open_store",
    "restore",
    "upgrade",
]
