"""Amazon's prices as karpenter-provider-aws generates them.

Source: pkg/providers/pricing/zz_generated.pricing_aws.go of aws/karpenter-provider-aws
(Apache-2.0), or the file beside it for US government regions.
"""

from costmon.pricing.instances.formats.go_source import generated_on, prices_in
from costmon.pricing.instances.formats.imported import Gathering, Imported, Wanted
from costmon.pricing.instances.shapes import shape_of

SOURCE = "karpenter-provider-aws"


def read(text: str, wanted: Wanted) -> Imported:
    """Return the rows of a file; sizes are from the types' names.

    Raises:
        InputError: It is not such a file, or no row can be used.
    """
    rows = Gathering(wanted, as_of=generated_on(text), source=SOURCE)
    for region, name, price in prices_in(text):
        rows.add(("AWS", region), name, price, shape_of("AWS", name))
    return rows.done()
