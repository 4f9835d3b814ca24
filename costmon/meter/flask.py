"""Measure a Flask application: `CostMeter(app, provider="AWS", target_users=1000)`.

```python
from costmon.meter.flask import CostMeter

meter = CostMeter()


def create_app():
    app = Flask(__name__)
    meter.init_app(app)
    return app
```
"""

from typing import TYPE_CHECKING

from costmon.meter.option_parsing import parse_options
from costmon.meter.process import METERS
from costmon.meter.wsgi import MeteredWSGI

if TYPE_CHECKING:
    from flask import Flask

_EXTENSION = "costmon.meter"


class CostMeter:
    """A Flask extension that wraps the application's `wsgi_app`."""

    def __init__(self, app: "Flask | None" = None, **options: object) -> None:
        """Measure an application, or keep the options for `init_app`.

        Args:
            app: The application; `None`: `init_app` is called later.
            options: See `costmon.meter.options.Options`.

        Raises:
            InputError: An option is not valid; the text says what is accepted.
        """
        self._options = options
        parse_options(options)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: "Flask", **options: object) -> None:
        """Measure an application; if it is measured already, only update its options.

        Raises:
            InputError: An option is not valid; the text says what is accepted.
        """
        given = {"service": app.name, "place": app.root_path, **self._options, **options}
        known = app.extensions.get(_EXTENSION)
        if known is not None:
            known.meter = METERS.of(parse_options(given))
            return
        wrapper = MeteredWSGI(app.wsgi_app, **given)
        app.wsgi_app = wrapper  # type: ignore[method-assign]  # Flask documents wrapping it
        app.extensions[_EXTENSION] = wrapper
