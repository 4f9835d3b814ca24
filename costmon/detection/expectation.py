"""What a bucket usually costs: a profile of the day, a slow level, and the noise around both.

Everything is in logarithms of (amount + offset), so that a factor is a distance and a bucket
without spend has a place. A few wild values must not move it: what is learned is clipped first.
"""

import math
from array import array

DAY_S = 86_400
OFFSET = 0.02  # of a usual bucket
LEAST_OFFSET = 1e-12
LEAST_NOISE = 0.02
FEW = 3  # samples of a slot before it stands on its own
PROFILE_MEMORY = 20  # samples of a slot
LEVEL_DAYS, NOISE_DAYS, MEAN_DAYS = 3, 7, 14
MOST_PERSISTENCE = 0.97
WILD = 20  # times the usual bucket: counts no more than this in the mean
RARELY_ZERO = 0.05  # share of zeros up to which a zero means silence, not "nothing spent"
MAD_OF_NORMAL = 1.2533
YOUNG, LEAST_COUNT = 30, 20  # buckets
TRUSTING = 50  # buckets in which any amount counts in full in the mean
MOST_SEEN = 250
LITTLE_LESS, LITTLE_MORE = 0.7, 1.4  # change of the offset that is not worth it


def clip(value: float, low: float, high: float) -> float:
    """Return the value, or the bound that it exceeds."""
    if value < low:
        return low
    if value > high:
        return high
    return value


class Expectation:
    """Learns one series. One profile is for weekdays, one for weekends and holidays."""

    __slots__ = (
        "buckets",
        "covariance",
        "drift",
        "innovation",
        "level",
        "mean",
        "noise",
        "offset",
        "persistence",
        "previous",
        "profile",
        "seen",
        "slots",
        "variance",
        "zeros",
    )

    def __init__(self, slots: int = 1) -> None:
        self.slots = slots
        self.profile = [array("d", bytes(8 * slots)) for _ in range(2)]
        self.seen = [array("B", bytes(slots)) for _ in range(2)]
        self.buckets = 0
        self.mean = self.offset = self.level = self.zeros = 0.0
        self.noise, self.innovation, self.persistence = 0.3, 0.2, 0.8
        self.drift = 0.0  # mean residual of the last day
        self.variance, self.covariance, self.previous = 0.09, 0.07, 0.0

    def start(self, amount: float) -> None:
        """Take the first amount as what is usual."""
        self.mean = amount
        self.offset = max(OFFSET * amount, LEAST_OFFSET)

    def usual(self, kind: int, slot: int) -> float:
        """Return the logarithm that the profile gives for a slot, without the level.

        Args:
            kind: 0 for a weekday, 1 for a weekend or holiday.
            slot: Bucket of the day, from 0.
        """
        own, other = self.seen[kind][slot], self.seen[1 - kind][slot]
        if own >= FEW or (own and not other):
            return self.profile[kind][slot]
        if other:  # few days of this kind yet: lean on the other kind
            lent = self.profile[1 - kind][slot]
            return (own * self.profile[kind][slot] + (FEW - own) * lent) / FEW
        return math.log(self.mean + self.offset)

    def count(self, amount: float) -> None:
        """Count a bucket and whether it was zero."""
        self.buckets = buckets = self.buckets + 1
        week = 7 * self.slots
        self.zeros += ((amount <= 0.0) - self.zeros) / (week if week < buckets else buckets)

    def weigh(self, amount: float) -> None:
        """Move the usual amount of a bucket."""
        buckets, mean, days = self.buckets, self.mean, MEAN_DAYS * self.slots
        if buckets >= TRUSTING and amount > WILD * mean:
            amount = WILD * mean
        self.mean = mean + (amount - mean) / (days if days < buckets else buckets)

    @property
    def is_dense(self) -> bool:
        """Whether a zero is so rare that it means late data."""
        return self.zeros < RARELY_ZERO

    def learn(self, kind: int, slot: int, usual: float, residual: float, surprise: float) -> None:
        """Learn from a bucket that belongs to no finding.

        Args:
            kind: As in `usual`.
            slot: As in `usual`.
            usual: What `usual` gave before.
            residual: Logarithm of the amount over `usual` and level.
            surprise: The same over what the bucket before let expect.
        """
        profile, seen = self.profile[kind], self.seen[kind]
        noise, times = self.noise, seen[slot]
        if times == 0:
            known = self.seen[1 - kind][slot]
            profile[slot] = usual if known else usual + self.level + residual
        if times or (self.seen[1 - kind][slot] and self.buckets > 3 * self.slots):
            if times < FEW:
                step = usual + residual - profile[slot]
            else:  # the level follows what all slots have in common
                step = clip(residual - self.drift, -3 * noise, 3 * noise)
            profile[slot] += step / min(times + 1, PROFILE_MEMORY)
        if times < MOST_SEEN:
            seen[slot] = times + 1
        buckets, slots = self.buckets, self.slots
        young = buckets if buckets > YOUNG else YOUNG
        wild = clip(residual, -3 * noise, 3 * noise)
        self.drift += (wild - self.drift) / (slots if slots < young else young)
        calm = clip(residual, -2 * noise, 2 * noise)
        days = LEVEL_DAYS * slots
        self.level += calm / (days if days < young else young)
        days, count = NOISE_DAYS * slots, buckets if buckets > LEAST_COUNT else LEAST_COUNT
        gain = 1 / (days if days < count else count)
        self.noise = _spread(noise, residual, gain)
        self.innovation = _spread(self.innovation, surprise, gain)
        self.variance += (calm * calm - self.variance) * gain
        self.covariance += (calm * self.previous - self.covariance) * gain
        self.previous = calm

    def end_of_day(self) -> None:
        """Follow the usual amount with the offset, and learn how long noise lasts."""
        offset = max(OFFSET * self.mean, LEAST_OFFSET)
        if self.offset > 0.0 and not LITTLE_LESS < offset / self.offset < LITTLE_MORE:
            moved = math.log(offset / self.offset)
            near_zero = math.log(1.5 * self.offset)
            for profile in self.profile:
                for slot, usual in enumerate(profile):
                    if usual < near_zero:  # empty buckets stand at the offset: carry them along
                        profile[slot] = usual + moved
            self.offset = offset
        ratio = self.covariance / max(self.variance, 1e-9)
        self.persistence = clip(ratio, 0.0, MOST_PERSISTENCE)


def _spread(now: float, deviation: float, gain: float) -> float:
    seen, most = abs(deviation), 3 * now
    now += ((most if most < seen else seen) * MAD_OF_NORMAL - now) * gain
    return now if now > LEAST_NOISE else LEAST_NOISE
