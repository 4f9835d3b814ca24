"""Add up the bytes of buckets by listing their objects, for a key that may do nothing else.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
Units: bytes of current versions; 1,000 objects a request.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from costmon.domain.resource import Gap
from costmon.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderNotFoundError,
    ProviderPermissionError,
    ProviderSchemaError,
)
from costmon.outbound import Outbound
from costmon.providers.reading import schema_fault
from costmon.providers.wasabi.signature import signed_headers
from costmon.providers.wasabi.stats import SLUG

MOST_REQUESTS = 200
"""For all buckets of one reading: 200,000 objects, in a minute or two."""
_REGION = re.compile(r"s3\.([a-z0-9-]+)\.wasabisys\.com")
_WRONG_KEY = (b"<Code>InvalidAccessKeyId<", b"<Code>SignatureDoesNotMatch<")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What listing the buckets brought.

    Attributes:
        sizes: Bytes by bucket, of those that were listed to the end.
        gaps: The other ones.
    """

    sizes: Mapping[str, int]
    gaps: tuple[Gap, ...]


class BucketLister:
    """Lists some buckets of one region."""

    def __init__(
        self, outbound: Outbound, credentials: Mapping[str, str], buckets: tuple[str, ...]
    ) -> None:
        self._outbound = outbound
        self._credentials = credentials
        self._buckets = buckets
        region = _REGION.fullmatch(outbound.host)
        self._region = region[1] if region else "us-east-1"

    def list_all(self, now: dt.datetime) -> Listed:
        """Return the sizes of the buckets.

        Raises:
            ProviderAuthError: The keys are wrong.
            ProviderPermissionError: No bucket may be listed.
            ProviderError: A bucket could not be listed.
        """
        sizes: dict[str, int] = {}
        gaps: list[Gap] = []
        refusal: ProviderError | None = None
        left = MOST_REQUESTS
        for bucket in self._buckets:
            try:
                size, used = self._size(bucket, now, left)
            except (ProviderPermissionError, ProviderNotFoundError) as error:
                refusal = _meaning(error, bucket)
                if isinstance(refusal, ProviderAuthError):
                    break
                gaps.append(Gap(kind=_kind(bucket), reason=refusal.detail))
                continue
            left -= used
            if size is None:
                reason = f"it was not listed to the end: {MOST_REQUESTS} requests were not enough"
                gaps.append(Gap(kind=_kind(bucket), reason=reason))
            else:
                sizes[bucket] = size
        if isinstance(refusal, ProviderAuthError) or (refusal is not None and not sizes):
            raise refusal
        return Listed(sizes=sizes, gaps=tuple(gaps))

    def _size(self, bucket: str, now: dt.datetime, most: int) -> tuple[int | None, int]:
        """Return the bytes in a bucket, `None` when `most` requests are too few; and requests."""
        path = f"/{bucket}"
        token: str | None = None
        size = 0
        for number in range(most):
            params = {"list-type": "2", "max-keys": "1000"}
            if token is not None:
                params["continuation-token"] = token
            headers = signed_headers(
                self._outbound.host,
                path,
                params,
                access_key=self._credentials["access_key"],
                secret_key=self._credentials["secret_key"],
                region=self._region,
                now=now,
            )
            body = self._outbound.get(path, params, headers=headers, accept="xml")
            found, following = _parsed(path, body)
            size += found
            if following is None:
                return size, number + 1
            if following == token:
                raise schema_fault(SLUG, path, "incomplete: the token of the next page repeats")
            token = following
        return None, most


def _kind(bucket: str) -> str:
    return f"bucket {bucket}"


def _parsed(path: str, body: bytes) -> tuple[int, str | None]:
    """Return the bytes on a page, and the token of the next one if there is one.

    Raises:
        ProviderSchemaError: It is not a listing, or has more and does not say where.
    """
    root = _root(body)
    if root is None or _name(root) != "ListBucketResult":
        raise schema_fault(SLUG, path, "expected a listing of objects")
    texts = {_name(child): child.text or "" for child in root}
    sizes = [part.text or "" for child in root for part in child if _name(part) == "Size"]
    truncated = texts.get("IsTruncated")
    objects = sum(_name(child) == "Contents" for child in root)
    if truncated not in {"true", "false"} or len(sizes) != objects:
        raise schema_fault(SLUG, path, "expected IsTruncated, and a Size of each object")
    if not all(size.isascii() and size.isdigit() for size in sizes):
        raise schema_fault(SLUG, path, "expected a Size in bytes", "Contents.Size")
    if truncated == "false":
        return sum(map(int, sizes)), None
    token = texts.get("NextContinuationToken")
    if not token:
        raise schema_fault(SLUG, path, "incomplete: there is more, and no token to it")
    return sum(map(int, sizes)), token


def _root(body: bytes) -> ET.Element | None:
    """Return the root of an XML document; `None` if it is not one or has a DOCTYPE."""
    if b"<!DOCTYPE" in body:
        return None
    try:
        return ET.fromstring(body)  # noqa: S314 - without a DOCTYPE nothing expands; size is bounded
    except (ET.ParseError, ValueError, LookupError):
        return None


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _meaning(error: ProviderError, bucket: str) -> ProviderError:
    """Return what a refusal to list a bucket is."""
    kind: type[ProviderError] = ProviderPermissionError
    detail = f"the key may not list the bucket {bucket}"
    hint = "allow s3:ListBucket on it, or take it out of WASABI_BUCKETS"
    if isinstance(error, ProviderNotFoundError):
        kind, detail = ProviderSchemaError, f"the bucket {bucket} does not exist at this S3 address"
        hint = "check WASABI_BUCKETS, and WASABI_S3_URL for the region"
    elif any(code in error.answer for code in _WRONG_KEY):
        kind, detail = ProviderAuthError, "the access key or the secret key is wrong"
        hint = "check both; a secret key belongs to one access key"
    return kind(
        provider=SLUG, endpoint=error.endpoint, detail=detail, hint=hint, status=error.status
    )
