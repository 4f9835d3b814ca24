"""What Azure's machines cost an hour: pay as you go, Linux.

Units: US dollars. Read from the list that Azure/karpenter-provider-azure (Apache-2.0) generates
from Azure's retail price API; its commit of `AS_OF`. That list has the price of Windows for some
sizes of B v2 (11 to 14 % above the rest of their series) and of Das, Dads, Eas and Eads v5 (1.7
to 2.1 times the rest): such a size of B v2 is `-` here, and those four series are left out.
"""

import datetime as dt

AS_OF = dt.date(2026, 6, 18)
SOURCE = "Azure's retail price API, as karpenter-provider-azure generated it"
REGIONS = ("eastus", "westus2", "westeurope", "northeurope", "southeastasia")
ROWS = """
Standard_B1ls       0.0052   0.0052       0.006       0.0057         0.0066
Standard_B1s        0.0104   0.0104       0.012       0.0113         0.0132
Standard_B1ms       0.0207   0.0207       0.024       0.0227         0.0264
Standard_B2s        0.0416   0.0416       0.048        0.045         0.0528
Standard_B2ms       0.0832   0.0832       0.096        0.091          0.106
Standard_B4ms        0.166    0.166       0.192        0.182          0.211
Standard_B8ms        0.333    0.333       0.384        0.364          0.422
Standard_B12ms       0.499    0.499       0.576        0.546          0.634
Standard_B16ms       0.666    0.666       0.768        0.728          0.845
Standard_B20ms       0.832    0.832        0.96        0.909          1.056
Standard_B2ts_v2    0.0104   0.0104           -       0.0114         0.0132
Standard_B2ls_v2    0.0416   0.0416       0.048            -              -
Standard_B4ls_v2     0.147    0.147        0.17        0.162          0.187
Standard_B8ls_v2         -        -        0.34        0.323          0.374
Standard_B16ls_v2    0.589        -        0.68            -          0.748
Standard_B2s_v2     0.0832        -           -       0.0912              -
Standard_B4s_v2      0.166        -       0.192        0.182              -
Standard_B8s_v2          -        -       0.384        0.365              -
Standard_B16s_v2         -    0.666       0.768            -          0.845
Standard_B2ats_v2        -        -      0.0108       0.0102         0.0118
Standard_B2als_v2   0.0376   0.0376      0.0432       0.0408         0.0472
Standard_B4als_v2        -        -       0.153            -              -
Standard_B8als_v2    0.266        -       0.306            -              -
Standard_B2as_v2    0.0752        -           -       0.0816         0.0944
Standard_B4as_v2         -        -           -            -          0.189
Standard_B8as_v2     0.301    0.301       0.346            -              -
Standard_B2pts_v2   0.0084   0.0084      0.0096            -         0.0106
Standard_B2pls_v2   0.0336        -           -       0.0368         0.0424
Standard_B4pls_v2    0.119        -       0.136         0.13              -
Standard_B8pls_v2        -    0.238           -            -              -
Standard_B2ps_v2         -   0.0672      0.0768            -              -
Standard_B4ps_v2     0.134    0.134           -            -              -
Standard_B8ps_v2     0.269    0.269       0.307            -              -
Standard_B16ps_v2        -    0.538           -        0.589          0.678
Standard_D2s_v5      0.096    0.096       0.115        0.107           0.12
Standard_D4s_v5      0.192    0.192        0.23        0.214           0.24
Standard_D8s_v5      0.384    0.384        0.46        0.428           0.48
Standard_D16s_v5     0.768    0.768        0.92        0.856           0.96
Standard_D32s_v5     1.536    1.536        1.84        1.712           1.92
Standard_D2ls_v5     0.085    0.085       0.097       0.0912          0.098
Standard_D4ls_v5      0.17     0.17       0.194        0.182          0.196
Standard_D8ls_v5      0.34     0.34       0.388        0.365          0.392
Standard_D16ls_v5     0.68     0.68       0.776         0.73          0.784
Standard_D2ps_v5     0.077    0.077       0.092        0.086          0.096
Standard_D4ps_v5     0.154    0.154       0.184        0.172          0.192
Standard_D8ps_v5     0.308    0.308       0.368        0.344          0.384
Standard_D16ps_v5    0.616    0.616       0.736        0.688          0.768
Standard_D2pls_v5    0.068    0.068      0.0776        0.073         0.0784
Standard_D4pls_v5    0.136    0.136       0.155        0.146          0.157
Standard_D8pls_v5    0.272    0.272        0.31        0.292          0.314
Standard_D2s_v6      0.101    0.101       0.121        0.112          0.126
Standard_D4s_v6      0.202    0.202       0.242        0.225          0.252
Standard_D8s_v6      0.403    0.403       0.483        0.449          0.504
Standard_D16s_v6     0.806    0.806       0.966        0.899          1.008
Standard_D2as_v6    0.0908   0.0908        0.11        0.101          0.114
Standard_D4as_v6     0.182    0.182        0.22        0.202          0.228
Standard_D8as_v6     0.363    0.363       0.439        0.405          0.456
Standard_D16as_v6    0.726    0.726       0.878         0.81          0.912
Standard_D32as_v6    1.453    1.453       1.757        1.619          1.824
Standard_D2als_v6   0.0804   0.0804      0.0972       0.0896          0.101
Standard_D4als_v6    0.161    0.161       0.194        0.179          0.202
Standard_D8als_v6    0.322    0.322       0.389        0.358          0.403
Standard_D16als_v6   0.643    0.643       0.778        0.717          0.806
Standard_D2ps_v6    0.0702   0.0702      0.0838       0.0784         0.0874
Standard_D4ps_v6      0.14     0.14       0.168        0.157          0.175
Standard_D8ps_v6     0.281    0.281       0.335        0.314           0.35
Standard_D16ps_v6    0.562    0.562        0.67        0.627          0.699
Standard_E2s_v5      0.126    0.126       0.152        0.141          0.152
Standard_E4s_v5      0.252    0.252       0.304        0.282          0.304
Standard_E8s_v5      0.504    0.504       0.608        0.564          0.608
Standard_E16s_v5     1.008    1.008       1.216        1.128          1.216
Standard_E2as_v6     0.119    0.119       0.144        0.133           0.15
Standard_E4as_v6     0.238    0.238       0.288        0.266            0.3
Standard_E8as_v6     0.477    0.477       0.577        0.532          0.599
Standard_E16as_v6    0.954    0.954       1.154        1.064          1.198
Standard_E2ps_v5     0.101    0.101       0.122        0.113          0.122
Standard_E4ps_v5     0.202    0.202       0.243        0.226          0.243
Standard_E8ps_v5     0.403    0.403       0.486        0.451          0.486
Standard_F2s_v2     0.0846   0.0846       0.097        0.096          0.098
Standard_F4s_v2      0.169    0.169       0.194        0.192          0.196
Standard_F8s_v2      0.338    0.338       0.388        0.384          0.392
Standard_F16s_v2     0.677    0.677       0.776        0.768          0.784
Standard_F32s_v2     1.353    1.353       1.552        1.536          1.568
Standard_F2as_v6     0.137    0.137       0.165        0.152          0.172
Standard_F4as_v6     0.273    0.273        0.33        0.305          0.343
Standard_F8as_v6     0.546    0.546       0.661         0.61          0.686
Standard_F2als_v6    0.121    0.121       0.146        0.135          0.152
Standard_F4als_v6    0.242    0.242       0.292         0.27          0.304
Standard_F8als_v6    0.484    0.484       0.585         0.54          0.607
Standard_F16als_v6   0.968    0.968        1.17         1.08          1.214
"""
"""A type, and dollars an hour in each of `REGIONS`; `-`: not offered, or not known."""
