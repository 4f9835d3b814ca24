"""The side door for operators: ask after the children and restart one, in messages, never code.

`ConsoleServer` opens it in the service, `ConsoleClient` uses it from another process. The prompt
that both modes share is in `costmon.console.repl`.
"""

from costmon.console.client import ConsoleClient
from costmon.console.server import ConsoleServer

__all__ = ["ConsoleClient", "ConsoleServer"]
