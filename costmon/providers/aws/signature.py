"""Sign requests to AWS (signature version 4): the one provider module that imports botocore."""

from collections.abc import Mapping

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SERVICE = "ce"


def signed_headers(
    credentials: Mapping[str, str], url: str, region: str, body: bytes, headers: Mapping[str, str]
) -> Mapping[str, str]:
    """Return `headers` with those that authenticate a POST of `body` now.

    Args:
        credentials: `access_key`, `secret_key` and, if temporary, `session_token`.
        url: Where the request goes.
        region: The region of the endpoint.
        body: What is sent.
        headers: What is signed besides the host.
    """
    request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
    keys = Credentials(
        credentials["access_key"], credentials["secret_key"], credentials.get("session_token")
    )
    SigV4Auth(keys, SERVICE, region).add_auth(request)
    return dict(request.headers.items())
