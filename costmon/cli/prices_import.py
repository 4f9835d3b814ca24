"""`costmon prices import`: convert another price list to a price file of the user's own."""

import argparse
import sys

from costmon.atomic_file import replace_file
from costmon.cli.prices_file import read_text
from costmon.errors import InputError
from costmon.pricing.instances.formats.catalog import format_of
from costmon.pricing.instances.formats.imported import Wanted
from costmon.pricing.instances.formats.own import rendered
from costmon.pricing.instances.prices import listed


def run(arguments: argparse.Namespace) -> int:
    """Write the rows that can be used, and say on stderr how many cannot, and why.

    Raises:
        InputError: The file is not of that format, or no row can be used.
    """
    region = arguments.region
    wanted = Wanted(
        provider=None if arguments.provider is None else listed().provider(arguments.provider),
        region=None if region is None else "".join(region.split()).lower(),
        as_of=arguments.as_of,
    )
    text = read_text(arguments.file)
    try:
        found = format_of(arguments.format).read(text, wanted)
    except InputError as error:
        raise InputError(f"{arguments.file} as {arguments.format}: {error}") from None
    output = rendered(found.instances)
    if arguments.output is None:
        sys.stdout.write(output)
    else:
        replace_file(arguments.output, output.encode())
    days = sorted({row.as_of for row in found.instances})
    since = f"of {days[0]}" if len(days) == 1 else f"of {days[0]} to {days[-1]}"
    print(f"{len(found.instances)} prices, {since}", file=sys.stderr)
    for reason, count in found.skipped:
        print(f"skipped {count}: {reason}", file=sys.stderr)
    return 0
