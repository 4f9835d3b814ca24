"""The connection between a guard and a costmon service; only imported if a service is set.

The guard creates one `costmon.guard.link.link.Link`, and signals when something has changed
(a service or token that cannot be used is an `InputError`):

    link = Link(source, service, token=None, spool=None, clock=clock, rng=rng)
    link.touch()                 # something was reserved, settled or refused: cheap, never blocks
    link.first_policy(2.0)       # wait at most 2 s for the service's first policy
    link.numbers()               # counts for status and metrics
    link.close(3.0)              # send the last reports within 3 s; leaves no thread
"""
