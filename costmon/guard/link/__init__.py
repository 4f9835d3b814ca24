"""What a guard and a running costmon service tell each other; without a service never imported.

The guard makes one `costmon.guard.link.link.Link`, and tells it when something has changed
(a service or token that cannot be used is an `InputError`):

    link = Link(source, service, token=None, spool=None, clock=clock, rng=rng)
    link.touch()                 # something was reserved, settled or refused: cheap, never blocks
    link.first_policy(2.0)       # wait at most so many seconds for the service's first policy
    link.numbers()               # counts for status and metrics
    link.close(3.0)              # report what is left, at most so many seconds; leaves no thread
"""
