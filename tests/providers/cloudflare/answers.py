"""What Cloudflare answers, in the form of its SDK's types; the values are ours."""

from decimal import Decimal

ACCOUNT = "0123456789abcdef0123456789abcdef"
USAGE = f"/accounts/{ACCOUNT}/billable-usage"
INFO = f"{USAGE}/info"
GRAPHQL = "/graphql"
SUBSCRIPTION = "5UB5CR1PT10N"


def enveloped(result, **fields):
    return {"success": True, "errors": [], "messages": [], "result": result, **fields}


def row(day, cost, service="R2 Data Storage", **fields):
    return {
        "BilledCost": cost,
        "BillingAccountId": ACCOUNT,
        "BillingAccountName": "Example",
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-11-15T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": service,
        "ChargePeriodStart": f"2026-11-{day:02}T00:00:00Z",
        "ChargePeriodEnd": f"2026-11-{day + 1:02}T00:00:00Z",
        "ConsumedQuantity": 12.5,
        "ConsumedUnit": "GB-months",
        "ContractedCost": cost,
        "CumulatedContractedCost": 99,
        "CumulatedPricingQuantity": 990,
        "EffectiveCost": cost,
        "ListCost": cost,
        "PricingQuantity": 2.5,
        "PricingUnit": "GB-months",
        "ServiceName": service,
        "ServiceFamilyName": "R2",
        "SubscriptionId": SUBSCRIPTION,
        "ZoneId": None,
        "ZoneName": None,
        **fields,
    }


EARLIER = {"BillingPeriodStart": "2026-10-15T00:00:00Z"}
CHARGES = enveloped(
    [
        row(14, 0.25, **EARLIER),
        row(19, 0.75),
        row(
            20, 0.0000125, "Workers Standard Requests", ServiceFamilyName="Workers", ConsumedUnit=""
        ),
        row(20, 0, "Argo", ZoneId="f" * 32, ZoneName="example.com", ServiceFamilyName="Argo"),
    ]
)
ROWS, TOTAL = 4, Decimal("1.0000125")
COVERED = enveloped({"covered": True, "subscriptions": [{"id": SUBSCRIPTION}]})
NOT_COVERED = enveloped({"covered": False, "subscriptions": []})


def operations(action, requests, storage_class="Standard"):
    dimensions = {"actionType": action, "storageClass": storage_class}
    return {"sum": {"requests": requests}, "dimensions": dimensions}


def stored(bucket, day, payload, metadata=0, storage_class="Standard"):
    place = {"bucketName": bucket, "storageClass": storage_class, "date": f"2026-11-{day:02}"}
    return {"max": {"payloadSize": payload, "metadataSize": metadata}, "dimensions": place}


def analytics(**groups):
    account = {
        "r2OperationsAdaptiveGroups": [
            operations("GetObject", 812_345),
            operations("PutObject", 12_045),
            operations("DeleteObject", 700),
            operations("GetObject", 5, "InfrequentAccess"),
        ],
        "r2StorageAdaptiveGroups": [
            stored("photos", 19, 600_000_000_000, 1_000_000_000),
            stored("photos", 20, 599_000_000_000),
            stored("eu_backups", 20, 300_000_000_000),
            stored("cold", 20, 30_000_000_000, storage_class="InfrequentAccess"),
        ],
        "r2BandwidthUsageAdaptiveGroups": [
            {"sum": {"bytesDownload": 1_500_000_000, "bytesUpload": 250_000_000}}
        ],
        "workersInvocationsAdaptive": [{"sum": {"requests": 1_234}}],
        **groups,
    }
    return {"data": {"viewer": {"accounts": [account]}}, "errors": None}


USED: dict[tuple[str, str | None], Decimal] = {
    ("r2_class_a_operations", None): Decimal(12_045),
    ("r2_class_b_operations", None): Decimal(812_345),
    ("r2_infrequent_access_class_b_operations", None): Decimal(5),
    ("r2_storage", None): Decimal(50),
    ("r2_infrequent_access_storage", None): Decimal(1),
    ("r2_egress", None): Decimal("1.5"),
    ("r2_ingress", None): Decimal("0.25"),
    ("worker_requests", None): Decimal(1_234),
}
NOTHING = analytics(
    r2OperationsAdaptiveGroups=[],
    r2StorageAdaptiveGroups=[],
    r2BandwidthUsageAdaptiveGroups=[],
    workersInvocationsAdaptive=[],
)
