"""The environment of a metered program."""

import json
from pathlib import Path

import costmon
from costmon.meter.launch.environment import OPTIONS, PACKAGE, environment_of

PACKAGE_FOLDER = str(Path(costmon.__file__).parent)


def test_our_folder_comes_first_and_the_others_stay():
    made = environment_of({"PYTHONPATH": "/a:/b"}, package="/site/costmon", options={})

    assert made["PYTHONPATH"] == "/site/costmon/meter/launch/early:/a:/b"


def test_without_a_path_before_the_working_directory_does_not_get_on_it():
    made = environment_of({}, package="/site/costmon", options={})

    assert made["PYTHONPATH"] == "/site/costmon/meter/launch/early"


def test_launching_twice_is_launching_once():
    once = environment_of({"A": "1"}, package="/site/costmon", options={"port": None})

    assert environment_of(once, package="/site/costmon", options={"port": None}) == once


def test_options_arrive_as_they_were_given():
    made = environment_of({}, package="/c", options={"target_users": 5, "budgets": {"GET /": "1"}})

    assert json.loads(made[OPTIONS]) == {"target_users": 5, "budgets": {"GET /": "1"}}
    assert made[PACKAGE] == "/c"


def test_everything_else_is_left_alone():
    made = environment_of({"PATH": "/bin", "HOME": "/h"}, package="/c", options={})

    assert made["PATH"] == "/bin"
    assert made["HOME"] == "/h"


def test_the_folder_is_where_the_package_has_it():
    made = environment_of({}, package=PACKAGE_FOLDER, options={})

    assert (Path(made["PYTHONPATH"]) / "sitecustomize.py").is_file()
