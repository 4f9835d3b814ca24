"""A client of a network that is a dictionary."""

from collections.abc import Iterable, Iterator, Mapping

from costmon.errors import ProviderError
from costmon.outbound import Accept, Params


def best_key(keys: Iterable[str], path: str, given: Iterable[str]) -> str | None:
    """Return the key of `path` with the most of the `given` parameters and no other ones."""
    known = set(given)
    matching = [
        key
        for key in keys
        if key.partition("?")[0] == path
        and known.issuperset(filter(None, key.partition("?")[2].split("&")))
    ]
    return max(matching, key=len, default=None)


class FakeOutbound:
    """Answers a path with the bytes or the error it was given for it.

    A path may have parameters of its own (`/v2/items?page=2`), which win over the bare path. What
    was asked is in `asked`, a POST with its body.
    """

    host = "api.example.test"
    base_url = "https://api.example.test"

    def __init__(self, answers: Mapping[str, bytes | ProviderError]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def get(
        self,
        path: str,
        params: Params,
        *,
        headers: Mapping[str, str] | None = None,
        accept: Accept = "json",
    ) -> bytes:
        """Return the answer whose parameters are all in `params`, the most specific one."""
        del headers, accept
        pairs = params.items() if isinstance(params, Mapping) else params
        given = [f"{key}={value}" for key, value in pairs]
        self.asked.append("?".join(filter(None, (path, "&".join(given)))))
        key = best_key(self._answers, path, given)
        if key is None:
            msg = f"no answer was given for {self.asked[-1]}"
            raise LookupError(msg)
        answer = self._answers[key]
        if isinstance(answer, ProviderError):
            raise answer
        return answer

    def lines(self, path: str, params: Params) -> Iterator[bytes]:
        """Return the lines of the answer that `get` returns."""
        yield from filter(None, self.get(path, params).split(b"\n"))

    def post(self, path: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the answer of a path."""
        del headers
        self.asked.append(f"POST {path} {body.decode()}")
        answer = self._answers[path]
        if isinstance(answer, ProviderError):
            raise answer
        return answer
