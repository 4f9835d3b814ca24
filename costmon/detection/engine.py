"""The statistical engine: learns a series bucket by bucket and keeps at most one finding open."""

import math
from dataclasses import dataclass

from costmon.detection.bursts import LUMP_SHARE, PLAIN_FACTOR, Bursts, Hit, Seen
from costmon.detection.days import Days
from costmon.detection.episode import DAILY, LONGEST_DAYS, Episode, Peaks
from costmon.detection.expectation import DAY_S, FEW, Expectation, clip
from costmon.detection.finding import WatchConfig
from costmon.detection.jobs import PERHAPS_SPARSE, SPARSE_ZEROS, Jobs

LUMP_AFTER_SILENCE, LEAST_SILENCE = 1.15, 2  # times what is owed, buckets: still normal
LEAST_SHARE = 0.01  # of a usual day: what is "ten times as much" at least of
MUCH_LARGER = 3  # times the job that was told
SURE = 2.0  # statistic over line, where there is no doubt
ENOUGH_OF_A_DAY = 0.6
SLOW_PAUSE_S = 5 * DAY_S
NEW_AFTER = 24  # buckets without spend, at least a day and at most a week
CHECKS_A_DAY = 24
MANY_SLOTS = 96  # a day of quarters of an hour
LEARN_ANYWAY_DAYS = 3


@dataclass(slots=True)
class Bucket:
    """One bucket in the order of time.

    Attributes:
        at: Its end, seconds since 1970.
        step: Its length in seconds.
        day: Ordinal of the day in which it begins.
        second: Of that day, at which it begins.
        kind: 0 for a weekday, 1 for a weekend or holiday.
        amount: What was spent.
        announced: Whether it ends in an announced window.
    """

    at: float
    step: int
    day: int
    second: int
    kind: int
    amount: float
    announced: bool


@dataclass(slots=True)
class Told:
    """What the engine has to tell; `SpendWatch` makes a finding of it.

    Attributes:
        state: `opened`, `escalated` or `resolved`.
        episode: The finding.
        observed: What was spent in `window_s`.
        expected: What is usual for it.
        spread: Of the logarithm of what is usual.
        over: Statistic divided by its line.
        window_s: Length of the deciding window in seconds.
        reason: Why now, for what is not said by the cause.
    """

    state: str
    episode: Episode
    observed: float
    expected: float
    spread: float
    over: float
    window_s: float
    reason: str = ""


class Engine:
    """All that is learned of one series."""

    __slots__ = (
        "bursts",
        "closed",
        "day",
        "days",
        "days_seen",
        "episode",
        "fresh",
        "gap",
        "informed",
        "jobs",
        "known",
        "owed",
        "peaks",
        "slow_until",
    )

    def __init__(self, slots: int = 1) -> None:
        self.known = Expectation(slots)
        self.bursts, self.days, self.jobs, self.peaks = Bursts(), Days(), Jobs(), Peaks()
        self.episode: Episode | None = None
        self.closed: Episode | None = None  # the last that was open
        self.day, self.days_seen = 0, 0
        self.fresh = 0.0  # spent by a series that never cost anything
        self.gap, self.owed = 0, 0.0
        self.informed = 0  # buckets of the day of which something is known
        self.slow_until = 0.0

    def silent(self, buckets: int) -> None:
        """Count missing buckets: what is usual for them is owed, nothing is learned."""
        if self.known.mean > 0.0 and self.known.is_dense:
            self.gap += buckets
            self.owed += self.known.mean * min(buckets, self.known.slots)

    def add(self, bucket: Bucket, config: WatchConfig) -> Told | None:
        """Add the next bucket and return what there is to tell."""
        if bucket.day != self.day:
            if self.day:
                self._end_of_day()
            self.day = bucket.day
        self.known.count(bucket.amount)
        if self.known.mean <= 0.0:
            return self._first_spend(bucket, config)
        seen = self._look(bucket)
        if seen is None:
            return None
        if bucket.announced:
            self.bursts.forget()
            self.jobs.finish()
            return None
        self.known.weigh(seen.amount)
        told = None
        if self.known.zeros > PERHAPS_SPARSE:
            told = self._job(bucket, seen.amount)
        episode = self.episode
        if episode is None:
            return self._usual(bucket, seen, config) or told
        if episode.cause == "new":
            return self._follow_new(bucket, seen, episode) or self._usual(bucket, seen, config)
        if self.known.seen[bucket.kind][seen.slot] < FEW:
            self.known.learn(bucket.kind, seen.slot, seen.usual, seen.residual, 0.0)
        return told if episode.cause == "job" else self._follow(bucket, seen, episode)

    # --- parts of `add` ---------------------------------------------------------------------

    def _first_spend(self, bucket: Bucket, config: WatchConfig) -> Told | None:
        """Start a series that never cost anything; tell it when it has been watched for a day."""
        known, amount = self.known, bucket.amount
        if amount <= 0.0:
            return None
        if known.buckets <= max(known.slots, min(NEW_AFTER, 7 * known.slots)):
            known.start(amount)
            return None
        if bucket.announced:
            return None
        self.fresh += amount
        if self.fresh <= config.new_service:
            return None
        known.start(amount)
        episode = self._open("new", bucket.at - bucket.step, bucket.at, self.fresh)
        return Told("opened", episode, self.fresh, 0.0, 0.0, SURE, bucket.step)

    def _look(self, bucket: Bucket) -> Seen | None:
        """Compare a bucket with what is usual; None when its data is late."""
        known, amount = self.known, bucket.amount
        slot = min(bucket.second // bucket.step, known.slots - 1)
        usual = known.usual(bucket.kind, slot)
        base, factor = math.exp(usual), math.exp(known.level)
        if amount <= 0.0 and known.is_dense and base > 2 * known.offset:
            self.gap += 1
            self.owed += base * factor
            return None
        if self.gap:
            amount = self._spread_lump(amount, base * factor)
        residual = math.log(amount + known.offset) - usual - known.level
        expected = max(base - known.offset, 0.0)
        is_empty = amount <= 0.0 and base <= 2 * known.offset
        return Seen(slot, amount, usual, factor, expected, residual, is_empty)

    def _spread_lump(self, amount: float, usual: float) -> float:
        """Spread what comes after a silence over it; only what exceeds the owed counts."""
        owed = usual + self.owed
        silent, self.gap, self.owed = self.gap, 0, 0.0
        if silent < LEAST_SILENCE or amount <= usual:
            return amount
        return usual if amount <= LUMP_AFTER_SILENCE * owed else usual * amount / owed

    def _usual(self, bucket: Bucket, seen: Seen, config: WatchConfig) -> Told | None:
        """Judge and learn a bucket that belongs to no finding."""
        known = self.known
        self.informed += 1
        if seen.is_empty:  # usually empty, and empty: it says nothing about the noise
            return None
        low = self._low()
        surprise = self.bursts.surprise(known, seen.residual)
        predicted = self.bursts.add(bucket.at, known, seen, low)
        level = known.level + clip(seen.residual, -3 * known.noise, 3 * known.noise)
        self.days.add(level, bucket.day)
        told = None
        if self.episode is None and not self._is_sparse:
            told = self._judge(bucket, seen, predicted, low, config)
        if told is None or self.days_seen < LEARN_ANYWAY_DAYS:
            known.learn(bucket.kind, seen.slot, seen.usual, seen.residual, surprise)
        return told

    def _judge(
        self, bucket: Bucket, seen: Seen, predicted: float, low: float, config: WatchConfig
    ) -> Told | None:
        known, bursts = self.known, self.bursts
        for hit in bursts.check(seen.residual, predicted, known.noise, low):
            observed, expected = bursts.money(hit.window)
            expected *= seen.factor * math.exp(low)
            share = config.least_share * (LUMP_SHARE if hit.cause == "lumps" else 1)
            if observed - expected <= share * known.mean * known.slots:
                continue
            if hit.cause in {"burst", "shift"} and hit.value <= math.log(config.least_ratio):
                continue
            plain = hit.cause in {"burst", "ramp"} and hit.window > 1
            if plain and observed <= PLAIN_FACTOR * expected:
                continue
            return self._begin(bucket, seen, hit)
        return self._slow(bucket, seen)

    def _slow(self, bucket: Bucket, seen: Seen) -> Told | None:
        slots = self.known.slots
        due = slots < CHECKS_A_DAY or self.known.buckets % (slots // CHECKS_A_DAY) == 0
        if not (due or self.days.block_count == 0) or not self.days.typical:
            return None
        hit = self.days.verdict(bucket.day, lately=bucket.at < self.slow_until)
        if hit is None:
            return None
        self.known.level = min(self.known.level, self.days.reference)  # it has begun to follow
        return self._begin(bucket, seen, hit)

    def _begin(self, bucket: Bucket, seen: Seen, hit: Hit) -> Told | None:
        since = bucket.at - hit.window * bucket.step
        window = min(hit.window, self.bursts.length)
        observed, expected = self.bursts.money(window)
        expected *= seen.factor
        episode = self._open(hit.cause, since, bucket.at, observed - expected)
        episode.peak = seen.residual
        episode.top = max(episode.top, episode.peak)
        if hit.cause not in DAILY:
            self.peaks.recognise(episode, bucket.at)
        if episode.accepted:
            episode.told = False
            return None
        noise, persistence = self.known.noise, self.known.persistence
        spread = noise * math.sqrt((1 + persistence) / (1 - persistence) / max(window, 10))
        length = window * bucket.step
        return Told("opened", episode, observed, expected, spread, hit.over, length)

    def _open(self, cause: str, since: float, at: float, burned: float) -> Episode:
        episode = Episode(cause, since, at)
        episode.burned = episode.told_burned = burned
        self.episode = episode
        return episode

    def _follow_new(self, bucket: Bucket, seen: Seen, episode: Episode) -> Told | None:
        """Follow a service that is new, while its expectation is learned."""
        episode.follow(seen.residual, seen.amount, self.known.noise)
        if episode.accepted:
            return self._close(bucket, episode)
        if episode.count > LONGEST_DAYS * self.known.slots:
            return self._close(bucket, episode)
        reason = episode.worse(bucket.at, 0.0)
        told = Told("escalated", episode, seen.amount, 0.0, 0.0, SURE, bucket.step, reason)
        return told if reason else None

    def _follow(self, bucket: Bucket, seen: Seen, episode: Episode) -> Told | None:
        known, slots = self.known, self.known.slots
        usual = seen.expected * seen.factor
        episode.follow(seen.residual - self._low(), seen.amount - usual, known.noise)
        if episode.cause in DAILY:
            over = episode.count % slots == 0 and self._is_home(episode)
        else:
            over = episode.has_ended(known.noise, slots)
        if episode.is_huge:
            pass  # it is worse, whatever the last hours were
        elif over:
            return self._close(bucket, episode)
        elif episode.count > LONGEST_DAYS * slots:
            self._new_normal(episode)
            return self._close(bucket, episode)
        told = Told("escalated", episode, seen.amount, usual, known.noise, SURE, bucket.step)
        if episode.before:
            was_told = episode.told
            if not episode.outlasts(bucket.at):
                return None
            told.state = "escalated" if was_told else "opened"
            told.reason = "it lasts longer, or is higher, than the peak seen before"
            return told
        told.reason = episode.worse(bucket.at, 2 * LEAST_SHARE * known.mean * slots)
        return told if told.reason and episode.told else None

    def _is_home(self, episode: Episode) -> bool:
        """Whether the last day was near the reference."""
        mean, episode.day_total = episode.day_total / self.known.slots, 0.0
        return mean < self.days.reference + self.days.spread - self.known.level

    def _new_normal(self, episode: Episode) -> None:
        """Take what it costs now as usual."""
        self.known.level += episode.mean
        if self.days.has_reference:
            self.days.move(max(0.0, self.known.level - self.days.reference))

    def _close(self, bucket: Bucket, episode: Episode) -> Told | None:
        if episode.count and episode.cause not in DAILY and episode.cause != "new":
            self.peaks.remember(episode, bucket.at)
        if episode.cause in DAILY:
            self.slow_until = bucket.at + SLOW_PAUSE_S
        self._forget_open(episode)
        if not episode.told or episode.accepted:
            return None
        return Told("resolved", episode, 0.0, 0.0, 0.0, SURE, bucket.step)

    def _forget_open(self, episode: Episode) -> None:
        self.episode, self.closed = None, episode
        if episode.cause != "new":
            self.bursts.forget()

    @property
    def _is_sparse(self) -> bool:
        return self.known.zeros > SPARSE_ZEROS and self.jobs.is_known

    def _job(self, bucket: Bucket, amount: float) -> Told | None:
        """Add a bucket of a series that may be sparse, and judge it if it is."""
        jobs, episode, told = self.jobs, self.episode, None
        ended = jobs.add(bucket.at, bucket.second, amount)
        verdict = jobs.verdict() if self._is_sparse and episode is None else None
        if verdict:
            window = DAY_S if verdict.whole_day else bucket.step
            burned = verdict.observed - verdict.usual
            episode = self._open("job", bucket.at - window, bucket.at, burned)
            episode.peak = verdict.observed
            figures = (verdict.observed, verdict.usual, verdict.spread, verdict.over)
            told = Told("opened", episode, *figures, window)
        elif episode and episode.cause == "job" and jobs.running > MUCH_LARGER * episode.peak:
            episode.peak = jobs.running
            usual, spread = jobs.usual()
            figures = (jobs.running, math.exp(usual), spread, SURE)
            reason = "it is much larger than when it was told"
            told = Told("escalated", episode, *figures, bucket.step, reason)
        if not ended:
            return told
        if episode and episode.cause == "job":
            over = jobs.running - math.exp(jobs.usual()[0])
            episode.burned = over + (episode.burned if jobs.fresh else 0.0)
        if episode is None or episode.cause != "job":
            jobs.learn()
        elif jobs.is_usual_again():
            jobs.close()
            jobs.learn()
            told = self._close(bucket, episode)
        elif jobs.is_new_normal():
            jobs.accept()
            told = self._close(bucket, episode)
        jobs.finish()
        return told

    def _low(self) -> float:
        """How far the level is below its reference: after a dip the old level is still usual."""
        if not self.days.has_reference:
            return 0.0
        return max(0.0, self.days.reference - self.known.level)

    # --- once a day, and by request ------------------------------------------------------------

    def _end_of_day(self) -> None:
        self.days_seen += 1
        known = self.days.count > 0 and self.informed > ENOUGH_OF_A_DAY * self.known.slots
        counts = known and (self.episode is None or self.episode.cause == "new")
        self.informed = 0
        self.days.end_of_day(self.day, counts=counts)
        self.known.end_of_day()
        few = self.known.slots < MANY_SLOTS
        self.bursts.end_of_day(self.known.persistence, counts=counts, at_once=few)
        self.jobs.end_of_day(counts=self.episode is None)

    @property
    def newest(self) -> Episode | None:
        """Return the open or newest finding."""
        return self.episode or self.closed

    def acknowledge(self) -> None:
        """Say that the open or newest finding was fine: the like of it is silent from now on."""
        episode = self.newest
        if episode is None:
            return
        episode.accepted = True
        self.days.accept_growth()
        if episode is not self.episode:
            self.peaks.accept(episode.since)
            return
        if episode.cause == "job":
            self.jobs.accept()
        elif episode.cause in DAILY:
            self._new_normal(episode)
        else:
            episode.before, episode.until = episode.since, math.inf
            episode.like = episode.height
            return
        self._forget_open(episode)

    def correct(self, at: float, old: float, new: float) -> None:
        """Correct the amount of the bucket that ended at `at`; never tells."""
        offset = self.known.offset
        if self.episode and at > self.episode.since:
            self.episode.burned += new - old
        if offset > 0.0:
            ratio = math.log((new + offset) / (old + offset))
            self.bursts.correct(at, new - old, ratio, self.known.noise)
