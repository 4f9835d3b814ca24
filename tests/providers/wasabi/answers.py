"""Answers of Wasabi for tests, in our own values."""

import datetime as dt

TB = 1024**4
ACCOUNT = "/v1/standalone/utilizations"
BUCKET = "/v1/standalone/utilizations/bucket"


def day(date, *, active=0, deleted=0, sent=0, calls=0, **fields):
    """Return the record of one day."""
    following = dt.date.fromisoformat(date) + dt.timedelta(days=1)
    return {
        "UtilizationNum": 1,
        "AcctNum": 7,
        "StartTime": f"{date}T00:00:00Z",
        "EndTime": f"{following}T00:00:00Z",
        "CreateTime": f"{following}T02:10:00Z",
        "RawStorageSizeBytes": active,
        "PaddedStorageSizeBytes": active,
        "MetadataStorageSizeBytes": 0,
        "DeletedStorageSizeBytes": deleted,
        "OrphanedStorageSizeBytes": 0,
        "MinStorageChargeBytes": max(0, TB - active),
        "DownloadBytes": sent,
        "NumAPICalls": calls,
        "NumGETCalls": calls // 2,
        "NumPUTCalls": 1,
        "NumDELETECalls": 0,
        "NumLISTCalls": 2,
        "NumHEADCalls": 0,
        **fields,
    }


def page(records, *, total=None, number=0):
    """Return a page; only the first one says how much there is."""
    total = len(records) if total is None else total
    info = {"RecordCount": total, "PageCount": -(-total // 100), "PageSize": 100}
    if number:
        info = {"RecordCount": 0, "PageCount": 0, "PageSize": 100}
    return {"PageInfo": {**info, "PageNum": number}, "Records": records}


def month():
    """Return the account's days in November 2026, and one in October."""
    return page(
        [
            day("2026-10-31", active=TB, deleted=TB),
            day("2026-11-01", active=2 * TB, deleted=TB // 2, sent=3_000_000_000, calls=100),
            day("2026-11-02", active=2 * TB, deleted=TB, sent=1_500_000_000, calls=40),
        ]
    )


def buckets():
    """Return two buckets on the newest day, and one that is only there on the day before."""
    return page(
        [
            day("2026-11-01", active=5, Bucket="gone"),
            day("2026-11-02", active=TB, deleted=TB, Bucket="backups"),
            day("2026-11-02", active=TB, Bucket="photos"),
        ]
    )


def listing(sizes, token=None):
    """Return a page of objects as S3 writes it."""
    objects = "".join(
        f"<Contents><Key>k{n}</Key><Size>{size}</Size></Contents>" for n, size in enumerate(sizes)
    )
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>'
        f"<IsTruncated>{'true' if token else 'false'}</IsTruncated>{more}{objects}"
        "</ListBucketResult>"
    ).encode()


def refusal(code):
    """Return the body of a refusal of S3."""
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
