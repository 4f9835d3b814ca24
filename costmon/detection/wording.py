"""Sentences that say why a statistical finding is told now."""

import datetime as dt

from costmon.detection.engine import Told
from costmon.domain.money import brief

CAUSES = {
    "new": "this never cost anything before",
    "burst": "that is far above what this time of the week usually costs",
    "ramp": "each bucket costs more than the one before: a rise, not one lump",
    "shift": "it jumped, and it stayed there",
    "lumps": "many separate peaks came within hours; usually there are few",
    "step": "whole days cost more than all recent ones",
    "leak": "each day costs more than the one before",
    "job": "a job, or the sum of a day's jobs, is larger than those before",
}
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400


def sentences(told: Told, at: dt.datetime) -> tuple[str, ...]:
    """Return what happened, why it is unusual, and why it is told now."""
    episode = told.episode
    if told.state == "resolved":
        return ("spend is usual again", f"{brief(episode.burned)} more than usual was spent")
    spent = f"{brief(told.observed)} was spent within {_duration(told.window_s)}"
    if episode.cause != "new":
        spent += f"; {brief(told.expected)} is usual"
    said = [spent, CAUSES[episode.cause]]
    if told.reason:
        said.append(told.reason)
    elif episode.quiet:
        before = dt.datetime.fromtimestamp(episode.before, at.tzinfo)
        said.append(f"again, as on {before.day} {before:%B}")
    return tuple(said)


def _duration(seconds: float) -> str:
    units = ((DAY_S, "day", 1), (HOUR_S, "hour", 1), (MINUTE_S, "minute", 0), (1, "second", 0))
    length, name, digits = next(it for it in units if seconds >= it[0] or it[0] == 1)
    count = round(seconds / length, digits)
    return f"{count:g} {name}{'' if count == 1 else 's'}"
