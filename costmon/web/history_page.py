"""The page at `/history`."""

from collections.abc import Sequence

import flask

from costmon.domain.history import HistoryQuery, HistoryRow


def history_page(
    query: HistoryQuery | None, rows: Sequence[HistoryRow], fault: str | None, status: int
) -> flask.Response:
    """Return the page.

    Args:
        query: What was asked; `None`: it was not understood.
        rows: The answer, oldest first.
        fault: Why there is no answer; `None`: there is one.
        status: Of HTTP.
    """
    text = flask.render_template("costmon/history.html", query=query, rows=rows[::-1], fault=fault)
    return flask.Response(
        text.encode("utf-8", "replace"),
        status,
        {"Cache-Control": "no-store"},
        content_type="text/html; charset=utf-8",
    )
