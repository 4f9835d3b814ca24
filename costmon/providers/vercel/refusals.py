"""What Vercel means by an answer that it refuses a request with."""

import msgspec
from msgspec import Struct

from costmon.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderNotFoundError,
    ProviderPermissionError,
    ProviderPlanError,
)


class _Fault(Struct, rename="camel"):
    """The member `error` of a refusal."""

    code: str = ""
    invalid_token: bool = False


class _Refusal(Struct):
    """The body of a refusal."""

    error: _Fault


def meaning_of(error: ProviderError) -> ProviderError:
    """Return the error that it is: 403 and 404 have meanings that only the body tells apart."""
    fault = _fault(error.answer)
    if isinstance(error, ProviderNotFoundError):
        if fault.code == "costs_not_found":
            return error.explained(
                ProviderPlanError,
                detail="Vercel has no charges of this scope and month (costs_not_found)",
                hint="a Hobby or personal scope never has any; those of a team need VERCEL_TEAM_ID",
            )
        return error.explained(
            ProviderNotFoundError,
            detail="the team does not exist, or the token's owner is not a member of it (404)",
            hint="check VERCEL_TEAM_ID and for which team the token was made",
        )
    if isinstance(error, ProviderPermissionError):
        if fault.invalid_token:
            return error.explained(
                ProviderAuthError,
                detail="the token was not accepted (403, invalidToken)",
                hint="check that it is complete, not expired and not revoked",
            )
        return error.explained(
            ProviderPermissionError,
            detail="the token may not read this team's charges (403)",
            hint="give its owner the role Billing, and make the token for this team",
        )
    return error


def _fault(answer: bytes) -> _Fault:
    try:
        return msgspec.json.decode(answer, type=_Refusal).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Fault()
