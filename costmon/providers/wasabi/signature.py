"""Sign a GET for S3, version 4.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import datetime as dt
import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote

_EMPTY = hashlib.sha256(b"").hexdigest()
_SIGNED = "host;x-amz-content-sha256;x-amz-date"


def signed_headers(
    host: str,
    path: str,
    params: Mapping[str, str],
    *,
    access_key: str,
    secret_key: str,
    region: str,
    now: dt.datetime,
) -> Mapping[str, str]:
    """Return the headers that authenticate a GET without a body.

    Args:
        host: As in the header `Host`, with a port that is not the scheme's own.
        path: Already quoted.
        params: The query, not quoted.
        access_key: Whose request it is.
        secret_key: What it is signed with.
        region: Where the bucket is.
        now: Aware; the signature is good for 15 minutes around it.
    """
    moment = now.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    query = "&".join(f"{_quoted(name)}={_quoted(params[name])}" for name in sorted(params))
    request = "\n".join(
        (
            "GET",
            path,
            query,
            f"host:{host}",
            f"x-amz-content-sha256:{_EMPTY}",
            f"x-amz-date:{moment}",
            "",
            _SIGNED,
            _EMPTY,
        )
    )
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    signature = _hmac(key, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}").hex()
    return {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={access_key}/{scope},"
        f"SignedHeaders={_SIGNED},Signature={signature}",
        "x-amz-content-sha256": _EMPTY,
        "x-amz-date": moment,
    }


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
