"""Start measuring before the program runs, then run the original `sitecustomize`.

With this folder on PYTHONPATH the interpreter imports this module at every start, also in workers
and reloaded processes. Errors here do not affect the program.
"""

import importlib.machinery
import importlib.util
import os
import sys

_OWN = os.path.realpath(os.path.dirname(__file__))


def _begin(package: str) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - the program may run another Python than costmon's
        raise RuntimeError("costmon needs Python 3.11 or newer")
    if importlib.util.find_spec("costmon") is None:
        _make_importable(package)
    from costmon.meter.launch.bootstrap import begin

    begin()


def _make_importable(package: str) -> None:
    """Make costmon importable, but no other package of its site-packages."""
    spec = importlib.util.spec_from_file_location(
        "costmon",
        os.path.join(package, "__init__.py"),
        submodule_search_locations=[package],
    )
    if spec is None or spec.loader is None:
        raise ImportError("the costmon package is no longer at its path")
    module = importlib.util.module_from_spec(spec)
    sys.modules["costmon"] = module
    spec.loader.exec_module(module)


def _run_the_next() -> None:
    """Run the `sitecustomize` that this one hides, as the interpreter would."""
    others = [entry for entry in sys.path if os.path.realpath(entry or os.curdir) != _OWN]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_package = os.environ.get("COSTMON_METER_PACKAGE")  # noqa: TID251 - set by `costmon meter run`
if _package:
    try:
        _begin(_package)
    except Exception as error:  # noqa: BLE001 - must not affect the program
        sys.stderr.write(f"costmon: this program is not measured: {error}\n")
_run_the_next()
