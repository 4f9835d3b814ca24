"""What tests of costmon and of its providers are made with: time, a network, one contract."""

from costmon.testing.clock import FakeClock, FakeTimer
from costmon.testing.outbound import FakeOutbound
from costmon.testing.stub import Asked, Reply, StubServer

__all__ = ["Asked", "FakeClock", "FakeOutbound", "FakeTimer", "Reply", "StubServer"]
