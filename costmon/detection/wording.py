"""Sentences that say why a statistical finding is told now."""

import datetime as dt

from costmon.detection.engine import Told

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
HOUR_S, DAY_S = 3600, 86_400


def sentences(told: Told, at: dt.datetime) -> tuple[str, ...]:
    """Return what happened, why it is unusual, and why it is told now."""
    episode = told.episode
    if told.state == "resolved":
        return ("spend is usual again", f"{episode.burned:.2f} more than usual was spent")
    spent = f"{told.observed:.2f} was spent within {_duration(told.window_s)}"
    if episode.cause != "new":
        spent += f"; {told.expected:.2f} is usual"
    said = [spent, CAUSES[episode.cause]]
    if told.reason:
        said.append(told.reason)
    elif episode.quiet:
        before = dt.datetime.fromtimestamp(episode.before, at.tzinfo)
        said.append(f"again, as on {before.day} {before:%B}")
    return tuple(said)


def _duration(seconds: float) -> str:
    for length, name in ((DAY_S, "day"), (HOUR_S, "hour")):
        if seconds >= length:
            count = round(seconds / length, 1)
            return f"{count:g} {name}{'' if count == 1 else 's'}"
    return f"{seconds / 60:.0f} minutes"
