"""Who serves models at a host, as the price list names them, and in which region."""

import re
from functools import lru_cache

from costmon.domain.model_name import place_of

_HOSTS = tuple(
    (re.compile(pattern), seller)
    for pattern, seller in (
        (r"(?:[a-z-]+\.)?api\.openai\.com", "openai"),
        (r"api\.anthropic\.com", "anthropic"),
        (r"generativelanguage\.googleapis\.com|(?:.+[.-])?aiplatform\.googleapis\.com", "google"),
        (r"aiplatform(?:\.[a-z]+)?\.rep\.googleapis\.com", "google"),
        (r"bedrock-(?:runtime|mantle)(?:-fips)?\..*|(?:.+\.)?bedrock-runtime\..*", "aws"),
        (r".+\.(?:openai|cognitiveservices|services\.ai)\.azure\.(?:com|us|cn)", "azure"),
        (r".+\.(?:azure-api\.net|(?:models\.ai|inference\.ml)\.azure\.com)", "azure"),
        (r"(?:[a-z]+\.)?openrouter\.ai", "openrouter"),
        (r"(?:[a-z]+\.)?api\.mistral\.ai|codestral\.mistral\.ai", "mistral"),
        (r"(?:[a-z0-9-]+\.)?api\.x\.ai", "x-ai"),
        (r"api\.groq\.com", "groq"),
        (r"api\.deepseek\.com", "deepseek"),
        (r"api\.perplexity\.ai", "perplexity"),
        (r"api\.cohere\.(?:com|ai)", "cohere"),
        (r"api\.together\.(?:xyz|ai)", "together"),
        (r"api\.fireworks\.ai", "fireworks"),
        (r"api\.cerebras\.ai", "cerebras"),
        (r"api\.moonshot\.(?:ai|cn)", "moonshotai"),
        (r"api\.voyageai\.com", "voyageai"),
        (r"router\.huggingface\.co", "huggingface"),
    )
)
_LOCATION = re.compile(r"/locations/([^/]+)/")


@lru_cache(maxsize=1024)
def seller_of(host: str) -> str | None:
    """Return who serves models at a host; `None`: a host that is not known for that."""
    return next((seller for pattern, seller in _HOSTS if pattern.fullmatch(host)), None)


def region_of(seller: str | None, model: str, path: str, geography: object) -> str:
    """Return the region of the price, such as `global` or `eu`; empty for the usual one.

    Args:
        seller: Who serves it.
        model: In any spelling; Bedrock's say where it may be served from.
        path: Of the URL; Vertex AI's says the location.
        geography: `inference_geo` of Anthropic's API.
    """
    if seller == "aws":
        return place_of(model) or ""
    if seller == "google":
        place = _LOCATION.search(path)
        return "" if place is not None and place[1] != "global" else "global"
    if seller == "anthropic" and geography == "us":
        return "us"
    return ""
