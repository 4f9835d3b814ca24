"""A fake HTTP client whose network is a dictionary."""

from collections.abc import Iterable, Mapping

from costmon.errors import ProviderError


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

    A path may have parameters of its own (`/v2/droplets?page=2`), which win over the bare path.
    """

    host = "api.example.test"

    def __init__(self, answers: Mapping[str, bytes | ProviderError]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def get(self, path: str, params: Mapping[str, str | int]) -> bytes:
        """Return the answer whose parameters are all in `params`, the most specific one."""
        given = [f"{key}={value}" for key, value in params.items()]
        self.asked.append("?".join(filter(None, (path, "&".join(given)))))
        key = best_key(self._answers, path, given)
        if key is None:
            msg = f"no answer was given for {self.asked[-1]}"
            raise LookupError(msg)
        answer = self._answers[key]
        if isinstance(answer, ProviderError):
            raise answer
        return answer
