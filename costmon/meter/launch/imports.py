"""Call a function when a module has been imported."""

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from costmon.meter.log import log

OnImport = Callable[[ModuleType], None]


class ImportWatch:
    """A meta path finder that calls back right after a module's code has run.

    It delegates to the finders after it, and adds one step to the loader they find, once. The
    loader object stays the same, for code that reads sources or data through it. The class does not
    inherit `importlib.abc.MetaPathFinder`, since importing that takes 10 ms.
    """

    def __init__(self) -> None:
        self._wanted: dict[str, OnImport] = {}

    def when_imported(self, name: str, call: OnImport) -> None:
        """Call `call` with the module `name`: now if it is loaded already, else after its import.

        Exceptions of `call` are logged and not raised, since the import is the program's own.
        """
        module = sys.modules.get(name)
        if module is not None:
            _tell(call, module)
            return
        self._wanted[name] = call

    def install(self) -> None:
        """Insert the finder before all others."""
        sys.meta_path.insert(0, self)

    def remove(self) -> None:
        """Remove the finder."""
        self._wanted.clear()
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a watched module, with the callback in its loader; else `None`."""
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
                # Remove the attribute of the instance, to restore the loader's method.
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
    except Exception:  # noqa: BLE001 - the program's import must not fail
        log().exception("%s cannot be measured", module.__name__)
