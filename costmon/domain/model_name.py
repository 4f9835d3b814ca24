"""Names of language models: every spelling of a model belongs to one family.

A *family* is the canonical name by which budgets count and the price list finds a model:
`us.anthropic.claude-sonnet-4-5-20250929-v1:0`, `claude-sonnet-4-5@20250929`,
`anthropic/claude-sonnet-4.5` and `Claude-Sonnet-4-5-latest` are all `claude-sonnet-4-5`.
"""

import re
from functools import lru_cache

# `arn:aws:bedrock:us-east-1::foundation-model/`, `projects/p/locations/l/publishers/google/models/`
_PATH = re.compile(
    r"arn:[^/]*/|(?:.*/)?publishers/[^/]+/models/|(?:.*/)?(?:models|deployments|engines|endpoints)/"
)
_MAKERS = re.compile(
    r"ai21|amazon|anthropic|azure|azure_ai|bedrock|cohere|deepseek|fireworks_ai|gemini|google|groq"
    r"|meta|meta-llama|mistral|mistralai|moonshotai|openai|openrouter|perplexity|qwen|together_ai"
    r"|vertex_ai|x-ai|xai|z-ai"
)
# Where Bedrock may serve a model, and who made it: `us.anthropic.`
_PLACE = re.compile(
    r"(?:(?P<place>global|us-gov|us|eu|apac|jp|au|ca|sa|me|regional)\.)?"
    r"(?:anthropic|amazon|meta|mistral|cohere|openai|deepseek|ai21|qwen|writer|twelvelabs|stability"
    r"|luma|minimax|moonshot|moonshotai|google|nvidia|zai|xai)\."
)
_REVISION = re.compile(r"-v\d+(?::\d+(?::\w+)?)?$|-\d+:\d+$")
_VARIANT = re.compile(r":[a-z][a-z0-9._-]*$")
_DATE = re.compile(
    r"[-@](?:20\d\d-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])"  # 2024-08-06, 20250929
    r"|(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])|(?:0[1-9]|1[0-2])-20\d\d"  # 0613, 05-20, 08-2024
    r"|2\d(?:0[1-9]|1[0-2])|latest|default|00\d)$"  # 2512, latest, 001
)
_PART_OF_DATE = re.compile(r"[-@]20\d\d(?:-?\d{0,2}){0,2}$")
_LONGEST = 300


def family_of(model: str) -> str:
    """Return the canonical name of a model, the same for each of its spellings.

    Never empty if the name is not. A fine-tuned model (`ft:...`) is a family of its own.
    """
    return _named(model)[1]


def spellings(model: str) -> tuple[str, ...]:
    """Return the names by which a price list may know a model, the most exact first.

    A variant (`gpt-4o:free`) and a model of somebody else (`somebody/gpt-4o`) have a price only by
    their whole name, although they belong to the family.
    """
    return _named(model)[0]


def family_pattern(beginning: str) -> str:
    """Return the families that a pattern covers, by how the names of its models begin.

    `openai/GPT-4o` covers `gpt-4o*`, like every spelling of them. A date is no part of a family:
    `gpt-4o-2024` covers `gpt-4o`. Empty: it says who serves a model, not which.
    """
    name = beginning.strip().lower()[:_LONGEST]
    if name.startswith("ft:"):
        return f"{name}*"
    path = _PATH.match(name)
    name = name[path.end() :] if path is not None else name
    maker, _, rest = name.rpartition("/")
    if maker and _MAKERS.fullmatch(maker.rpartition("/")[2]) is not None:
        name = rest
    place = _PLACE.match(name)
    name = name[place.end() :] if place is not None else name
    if name.startswith("claude-"):
        name = name.replace(".", "-")
    base = _PART_OF_DATE.sub("", name)
    if base != name:
        return family_of(base) if base else ""
    return f"{name}*" if name else ""


def place_of(model: str) -> str | None:
    """Return where Bedrock may serve a model, by the prefix of its name: `global`, `us`; `None`."""
    name = model.strip().lower()
    path = _PATH.match(name)
    place = _PLACE.match(name, path.end() if path is not None else 0)
    return place["place"] if place is not None else None


@lru_cache(maxsize=2048)
def _named(model: str) -> tuple[tuple[str, ...], str]:
    """Return a model's names in price lists, and its family."""
    name = model.strip().lower()[:_LONGEST]
    if name.startswith("ft:"):
        base = name.split(":")[1]
        return (name, f"ft:{_DATE.sub('', base)}"), name
    found = [name]
    path = _PATH.match(name)
    name = (name[path.end() :] if path is not None else name) or name
    found.append(name)
    maker, _, rest = name.rpartition("/")
    name = rest or name
    priced = not maker or _MAKERS.fullmatch(maker.rpartition("/")[2]) is not None
    steps = [name]
    place = _PLACE.match(name)
    if place is not None:
        steps.append(name[place.end() :])
    steps.append(_REVISION.sub("", steps[-1]))
    base = _VARIANT.sub("", steps[-1])
    priced = priced and base == steps[-1]
    if base.startswith("claude-"):  # some write the point of a version as a point
        steps.append(base.replace(".", "-"))
    else:
        steps.append(base)
    for _ in range(2):  # `-preview-05-20` and `-001` may follow each other
        steps.append(_DATE.sub("", steps[-1]) or steps[-1])
    steps = [step for step in steps if step] or [name]
    if priced:
        found += steps
    return tuple(dict.fromkeys(found)), steps[-1]
