"""History in a database: the only package that imports sqlalchemy.

`costmon.store.revisions` tells which schema there is, `costmon.store.migrate` changes it, and
`costmon.store.backup` makes copies.
"""

from costmon.store.decision_journal import DecisionJournal
from costmon.store.fence import FenceToken
from costmon.store.guard_state import GuardDecisions
from costmon.store.inventories import StoredAccount
from costmon.store.journal import Journal
from costmon.store.retention import Retention
from costmon.store.store import Store, open_store

__all__ = [
    "DecisionJournal",
    "FenceToken",
    "GuardDecisions",
    "Journal",
    "Retention",
    "Store",
    "StoredAccount",
    "open_store",
]
