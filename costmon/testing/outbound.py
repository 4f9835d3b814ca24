"""A door to a network that is a dictionary."""

from collections.abc import Mapping

from costmon.errors import ProviderError


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
        self.asked.append("&".join([path, *(f"{key}={value}" for key, value in params.items())]))
        given = {f"{key}={value}" for key, value in params.items()}
        matching = [
            known
            for known in self._answers
            if known.partition("?")[0] == path
            and given.issuperset(filter(None, known.partition("?")[2].split("&")))
        ]
        if not matching:
            msg = f"no answer was given for {path} with {sorted(given)}"
            raise LookupError(msg)
        answer = self._answers[max(matching, key=len)]
        if isinstance(answer, ProviderError):
            raise answer
        return answer
