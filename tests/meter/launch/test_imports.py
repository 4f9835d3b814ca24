"""Being told of imports, with real modules in a folder of the test's own."""

import importlib
import importlib.resources
import inspect
import logging
import sys

import pytest

from costmon.meter.launch.imports import ImportWatch


@pytest.fixture
def watch():
    watch = ImportWatch()
    watch.install()
    yield watch
    watch.remove()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that no other test has; it is forgotten afterwards."""
    folder = tmp_path / "watched_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("from watched_package.app import App\n")
    (folder / "app.py").write_text("class App:\n    name = 'app'\n")
    (folder / "broken.py").write_text("raise LookupError('their own')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "watched_package"
    for name in [name for name in sys.modules if name.startswith("watched_package")]:
        del sys.modules[name]


def test_it_is_called_when_the_module_has_run_and_before_its_importer_goes_on(watch, package):
    seen: list[object] = []
    watch.when_imported(f"{package}.app", lambda module: seen.append(module.App.name))

    importlib.import_module(package)

    assert seen == ["app"]


def test_a_module_that_is_there_already_is_told_at_once(watch, package):
    importlib.import_module(f"{package}.app")
    seen: list[object] = []

    watch.when_imported(f"{package}.app", seen.append)

    assert seen == [sys.modules[f"{package}.app"]]


def test_it_is_called_once_although_the_module_is_reloaded(watch, package):
    seen: list[object] = []
    watch.when_imported(f"{package}.app", seen.append)
    module = importlib.import_module(f"{package}.app")

    importlib.reload(module)

    assert len(seen) == 1


def test_a_module_that_is_never_imported_costs_nothing(watch, package):
    watch.when_imported("no_such_module_of_anybody", lambda module: pytest.fail("told"))

    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("no_such_module_of_anybody")


def test_a_failing_import_fails_as_it_does_without_us(watch, package):
    seen: list[object] = []
    watch.when_imported(f"{package}.broken", seen.append)

    with pytest.raises(LookupError, match="their own"):
        importlib.import_module(f"{package}.broken")

    assert seen == []


def test_our_own_failure_is_logged_and_the_import_goes_on(watch, package, caplog):
    def fail(module):
        raise RuntimeError("ours")

    watch.when_imported(f"{package}.app", fail)
    with caplog.at_level(logging.ERROR, "costmon.meter"):
        module = importlib.import_module(f"{package}.app")

    assert module.App.name == "app"
    assert "watched_package.app cannot be measured" in caplog.text


def test_sources_and_data_are_still_read_through_the_loader(watch, package):
    watch.when_imported(f"{package}.app", lambda module: None)
    module = importlib.import_module(f"{package}.app")

    assert "class App" in inspect.getsource(module)
    assert "exec_module" not in vars(module.__loader__)
    assert importlib.resources.files(package).joinpath("app.py").is_file()


def test_what_is_removed_is_not_told(package):
    watch = ImportWatch()
    watch.install()
    watch.when_imported(f"{package}.app", lambda module: pytest.fail(module.__name__))

    watch.remove()

    importlib.import_module(f"{package}.app")
    assert watch not in sys.meta_path
