"""Be called when a module has been imported, however it comes to be."""

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from costmon.meter.log import log

OnImport = Callable[[ModuleType], None]


class ImportWatch:
    """Calls back right after the code of a module has run, before its importer goes on.

    It finds nothing itself: it asks the finders behind it, and gives the loader they found one
    step more to do, once. Loaders stay what they are, for who reads sources or data through them.
    It is no `importlib.abc.MetaPathFinder` by name: importing that takes 10 ms.
    """

    def __init__(self) -> None:
        self._wanted: dict[str, OnImport] = {}

    def when_imported(self, name: str, call: OnImport) -> None:
        """Call `call` with the module `name`: now when it is there already, else in time.

        What `call` raises is logged and goes no further: the import is the program's own.
        """
        module = sys.modules.get(name)
        if module is not None:
            _tell(call, module)
            return
        self._wanted[name] = call

    def install(self) -> None:
        """Come before all other finders."""
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Watch no longer; what has been called stays as it is."""
        self._wanted.clear()
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders found, with our step in its loader; `None`: not ours."""
        call = self._wanted.get(fullname)
        if call is None:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                self._join(spec, call)
                return spec
        return None

    def _join(self, spec: ModuleSpec, call: OnImport) -> None:
        loader = spec.loader
        execute = getattr(loader, "exec_module", None)
        if execute is None:
            log().warning("%s cannot be measured: its loader has no exec_module", spec.name)
            return

        def execute_and_tell(module: ModuleType) -> None:
            execute(module)
            if module.__name__ == spec.name:
                # The attribute on the instance goes again: the loader's own method shows.
                vars(loader).pop("exec_module", None)
                self._wanted.pop(spec.name, None)
                _tell(call, module)

        try:
            loader.exec_module = execute_and_tell  # type: ignore[method-assign, union-attr]  # on this one instance
        except (AttributeError, TypeError):
            log().warning(
                "%s cannot be measured: its loader does not allow attributes to be set", spec.name
            )


def _tell(call: OnImport, module: ModuleType) -> None:
    try:
        call(module)
    except Exception:  # noqa: BLE001 - whatever it is, the program's import has succeeded
        log().exception("%s cannot be measured", module.__name__)
