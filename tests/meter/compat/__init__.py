"""The meter's framework tests on older and newer frameworks and Pythons than the locked ones."""
