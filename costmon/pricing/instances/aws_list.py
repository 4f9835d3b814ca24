"""What Amazon's machines cost an hour: on demand, shared, Linux, without software of others.

Units: US dollars. Read from the list that karpenter-provider-aws (Apache-2.0) generates from
Amazon's price API; its commit of `AS_OF`. Other regions are not in it: lists of them can be
imported with `costmon prices import`.
"""

import datetime as dt

AS_OF = dt.date(2026, 7, 20)
SOURCE = "Amazon's price API, as karpenter-provider-aws generated it"
REGIONS = ("us-east-1",)
ROWS = """
t2.nano         0.0058
t2.micro        0.0116
t2.small         0.023
t2.medium       0.0464
t2.large        0.0928
t2.xlarge       0.1856
t2.2xlarge      0.3712
t3.nano         0.0052
t3.micro        0.0104
t3.small        0.0208
t3.medium       0.0416
t3.large        0.0832
t3.xlarge       0.1664
t3.2xlarge      0.3328
t3a.nano        0.0047
t3a.micro       0.0094
t3a.small       0.0188
t3a.medium      0.0376
t3a.large       0.0752
t3a.xlarge      0.1504
t3a.2xlarge     0.3008
t4g.nano        0.0042
t4g.micro       0.0084
t4g.small       0.0168
t4g.medium      0.0336
t4g.large       0.0672
t4g.xlarge      0.1344
t4g.2xlarge     0.2688
m5.large         0.096
m5.xlarge        0.192
m5.2xlarge       0.384
m5.4xlarge       0.768
m5.8xlarge       1.536
m6i.large        0.096
m6i.xlarge       0.192
m6i.2xlarge      0.384
m6i.4xlarge      0.768
m6i.8xlarge      1.536
m7i.large       0.1008
m7i.xlarge      0.2016
m7i.2xlarge     0.4032
m7i.4xlarge     0.8064
m7i.8xlarge     1.6128
m7g.medium      0.0408
m7g.large       0.0816
m7g.xlarge      0.1632
m7g.2xlarge     0.3264
m7g.4xlarge     0.6528
m7g.8xlarge     1.3056
m8g.large      0.08976
m8g.xlarge     0.17952
m8g.2xlarge    0.35904
m8g.4xlarge    0.71808
m8g.8xlarge    1.43616
c5.large         0.085
c5.xlarge         0.17
c5.2xlarge        0.34
c5.4xlarge        0.68
c5.9xlarge        1.53
c6i.large        0.085
c6i.xlarge        0.17
c6i.2xlarge       0.34
c6i.4xlarge       0.68
c6i.8xlarge       1.36
c7i.large      0.08925
c7i.xlarge      0.1785
c7i.2xlarge      0.357
c7i.4xlarge      0.714
c7i.8xlarge      1.428
c7g.medium      0.0363
c7g.large       0.0725
c7g.xlarge       0.145
c7g.2xlarge       0.29
c7g.4xlarge       0.58
c7g.8xlarge       1.16
c8g.large      0.07976
c8g.xlarge     0.15952
c8g.2xlarge    0.31904
c8g.4xlarge    0.63808
c8g.8xlarge    1.27616
r5.large         0.126
r5.xlarge        0.252
r5.2xlarge       0.504
r5.4xlarge       1.008
r5.8xlarge       2.016
r6i.large        0.126
r6i.xlarge       0.252
r6i.2xlarge      0.504
r6i.4xlarge      1.008
r6i.8xlarge      2.016
r7i.large       0.1323
r7i.xlarge      0.2646
r7i.2xlarge     0.5292
r7i.4xlarge     1.0584
r7i.8xlarge     2.1168
r7g.large       0.1071
r7g.xlarge      0.2142
r7g.2xlarge     0.4284
r7g.4xlarge     0.8568
r7g.8xlarge     1.7136
"""
"""A type, and dollars an hour in each of `REGIONS`; `-`: not offered, or not known."""
