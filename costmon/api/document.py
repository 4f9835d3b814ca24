"""Describe the routes: each view carries its parameters and responses; `/openapi.json` uses them.

spectree generates the document, on an application of its own: at run time no view passes through
it, because its checks of every answer cost a fifth of the requests a second.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import update_wrapper
from http import HTTPStatus
from typing import Any

import flask
import msgspec
from spectree import Response, SpecTree
from spectree.model_adapter import get_msgspec_model_adapter
from spectree.models import SecureType, SecurityScheme, SecuritySchemeData

from costmon import __version__
from costmon.api.schemas.answers import Problem
from costmon.intake.answer import Answer

Content = type[Answer] | str | None
View = Callable[..., flask.typing.ResponseReturnValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a route takes and answers.

    Attributes:
        tag: The noun it belongs to.
        answers: By status: a type for JSON, a media type for anything else, `None` for no body.
        query: The type of its query parameters.
        body: The type of its JSON body.
    """

    tag: str
    answers: Mapping[int, Content]
    query: type[Answer] | None = None
    body: type[msgspec.Struct] | None = None


class DescribedView:
    """A view and its description; called, it is the view."""

    def __init__(self, view: View, description: Description) -> None:
        update_wrapper(self, view)
        self.view = view
        self.description = description

    def __call__(self, **values: str) -> flask.typing.ResponseReturnValue:
        """Answer the request."""
        return self.view(**values)


def described(
    *,
    tag: str,
    answers: Mapping[int, Content],
    query: type[Answer] | None = None,
    body: type[msgspec.Struct] | None = None,
) -> Callable[[View], DescribedView]:
    """Attach a description to a view."""
    description = Description(tag=tag, answers=answers, query=query, body=body)
    return lambda view: DescribedView(view, description)


_METHODS = {"GET", "POST", "PUT", "DELETE"}

# What any route can answer, by the middleware and the server before it.
_ALWAYS: Mapping[int, Content] = {
    400: Problem,
    401: Problem,
    413: Problem,
    421: Problem,
    500: Problem,
}


def openapi(app: flask.Flask) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of all described routes of `app`."""
    spec = SpecTree(
        "flask",
        title="costmon",
        description="What each vendor costs now, what changed, and how fresh the figures are.",
        version=__version__,
        mode="strict",
        annotations=False,
        model_adapter=get_msgspec_model_adapter(),
        validation_error_status=400,
        validation_error_model=Problem,
        naming_strategy=lambda model: model.__name__,
        nested_naming_strategy=lambda _parent, child: child,
        security_schemes=[
            SecurityScheme(
                name="token", data=SecuritySchemeData(type=SecureType.HTTP, scheme="bearer")
            )
        ],
        security=[{}, {"token": []}],
    )
    documented = flask.Flask("costmon.openapi", static_folder=None)
    media: dict[tuple[str, str], Mapping[int, Content]] = {}
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if not isinstance(view, DescribedView):
            continue
        methods = (rule.methods or set()) & _METHODS
        answers = {**_ALWAYS, **({403: Problem} if methods - {"GET"} else {})}
        answers |= view.description.answers
        validated = spec.validate(
            query=view.description.query,
            json=view.description.body,
            resp=Response(**{f"HTTP_{status}": _model(to) for status, to in answers.items()}),
            tags=(view.description.tag,),
            skip_validation=True,
            operation_id=_operation_id(_written(rule.rule), methods),
        )(view.view)
        # spectree leaves out endpoints that begin with "openapi"; named by path, none does.
        documented.add_url_rule(rule.rule, f"{methods} {rule.rule}", validated, methods=methods)
        media |= {(rule.rule, method.lower()): answers for method in methods}
    spec.app = documented
    with documented.app_context():
        document: dict[str, Any] = spec.spec
    _add_media(document, media)
    described_numbers: dict[str, Any] = _with_numbers(document)
    return described_numbers


def _written(rule: str) -> str:
    """Return a rule as the document has it: `/a/<path:b>` is `/a/{b}`."""
    return re.sub(r"<(?:[^<>:]+:)?([^<>]+)>", r"{\1}", rule)


def _operation_id(path: str, methods: Iterable[str]) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", path.lower()).strip("_")
    return f"{'_'.join(sorted(methods)).lower()}_{words or 'page'}"


def _model(content: Content) -> type[Answer] | None:
    return content if isinstance(content, type) else None


def _add_media(
    document: dict[str, Any], media: Mapping[tuple[str, str], Mapping[int, Content]]
) -> None:
    for (path, method), answers in media.items():
        responses = document["paths"][_written(path)][method]["responses"]
        for status, content in answers.items():
            if isinstance(content, str):
                responses[str(status)] = {
                    "description": HTTPStatus(status).phrase,
                    "content": {content: {"schema": {"type": "string"}}},
                }


def _with_numbers(node: Any) -> Any:  # noqa: ANN401 - JSON
    """Describe money as what it is: spectree takes Decimal for text."""
    if isinstance(node, dict):
        if node.get("format") == "decimal":
            return {**{k: v for k, v in node.items() if k != "format"}, "type": "number"}
        return {key: _with_numbers(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_numbers(value) for value in node]
    return node
