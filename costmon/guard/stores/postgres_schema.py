"""The tables and functions of the PostgreSQL store.

With these functions a reserve is one round trip. All counters are protected by one row lock (each
call counts in `global`, so finer locks would not help, and one lock cannot deadlock), and that lock
must not be held while waiting for the network.
"""

VERSION = 2

_TABLES = """
CREATE TABLE costmon_guard_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version integer NOT NULL,
    identity text NOT NULL,
    revision bigint NOT NULL DEFAULT 0,
    resets bigint NOT NULL DEFAULT 0
);
CREATE TABLE costmon_guard_cell (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope text NOT NULL,
    period text NOT NULL,
    bucket bigint NOT NULL,
    spent bigint NOT NULL,
    held bigint NOT NULL DEFAULT 0,
    reset bigint NOT NULL DEFAULT 0,
    over_s bigint,
    UNIQUE (scope, period, bucket),
    CHECK (spent + held IS NOT NULL)
) WITH (fillfactor = 50);
CREATE INDEX costmon_guard_cell_over ON costmon_guard_cell (over_s);
CREATE TABLE costmon_guard_usage (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hour bigint NOT NULL,
    scope text NOT NULL,
    activity text NOT NULL,
    spent bigint NOT NULL DEFAULT 0,
    requests bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    expired bigint NOT NULL DEFAULT 0,
    bytes_in bigint NOT NULL DEFAULT 0,
    bytes_out bigint NOT NULL DEFAULT 0,
    changes bigint NOT NULL DEFAULT 0,
    UNIQUE (scope, hour, activity)
) WITH (fillfactor = 50);
CREATE INDEX costmon_guard_usage_hour ON costmon_guard_usage (hour);
CREATE TABLE costmon_guard_plan (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made_s bigint NOT NULL,
    retired boolean NOT NULL DEFAULT false,
    plan text NOT NULL,
    cells bigint[] NOT NULL,
    usage bigint[] NOT NULL,
    scopes text[] NOT NULL,
    periods text[] NOT NULL,
    firsts bigint[] NOT NULL,
    lasts bigint[] NOT NULL,
    limits bigint[] NOT NULL,
    warns bigint[] NOT NULL,
    fixed bigint[] NOT NULL
);
CREATE TABLE costmon_guard_lease (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan bigint NOT NULL,
    nano bigint NOT NULL,
    state smallint NOT NULL,
    at_s double precision NOT NULL,
    resets bigint,
    key text
);
CREATE INDEX costmon_guard_lease_due ON costmon_guard_lease (at_s) WHERE state = 0;
CREATE INDEX costmon_guard_lease_over ON costmon_guard_lease (at_s) WHERE state <> 0;
CREATE UNIQUE INDEX costmon_guard_lease_key ON costmon_guard_lease (key) WHERE key IS NOT NULL;
CREATE TABLE costmon_guard_charge (id text PRIMARY KEY, at_s double precision NOT NULL);
CREATE TABLE costmon_guard_record (
    kind text NOT NULL, key text NOT NULL, text text NOT NULL, PRIMARY KEY (kind, key)
);
"""

# The counters of money, by scope and period; the amounts of resets without a counter; the scopes
# of each plan, for counters that are created when it already has leases.
_COUNTERS = """
CREATE TABLE costmon_guard_counter (
    scope text NOT NULL, period text NOT NULL, PRIMARY KEY (scope, period)
);
CREATE TABLE costmon_guard_forgiven (
    scope text NOT NULL,
    hour bigint NOT NULL,
    period text NOT NULL,
    spent bigint NOT NULL,
    reset bigint NOT NULL,
    PRIMARY KEY (scope, hour, period)
);
CREATE TABLE costmon_guard_plan_scope (
    scope text NOT NULL, hour bigint NOT NULL, plan bigint NOT NULL, PRIMARY KEY (scope, hour, plan)
);
CREATE INDEX costmon_guard_plan_scope_plan ON costmon_guard_plan_scope (plan);
CREATE INDEX costmon_guard_lease_late ON costmon_guard_lease (plan) WHERE state = 3;
"""

_FUNCTIONS = """
CREATE OR REPLACE FUNCTION costmon_guard_now() RETURNS double precision LANGUAGE sql VOLATILE AS
$$ SELECT extract(epoch FROM clock_timestamp())::double precision $$;

CREATE OR REPLACE FUNCTION costmon_guard_add(
    p costmon_guard_plan, add_held bigint, add_spent bigint, calls_held bigint, calls_spent bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
BEGIN
    UPDATE costmon_guard_cell AS c
        SET held = c.held + CASE WHEN l.fixed IS NULL THEN add_held ELSE calls_held * l.fixed END,
            spent = c.spent
                + CASE WHEN l.fixed IS NULL THEN add_spent ELSE calls_spent * l.fixed END
        FROM unnest(p.cells, p.fixed) AS l (id, fixed)
        WHERE c.id = l.id;
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;

CREATE OR REPLACE FUNCTION costmon_guard_count(
    p costmon_guard_plan, add_spent bigint, add_requests bigint, add_expired bigint,
    add_failed bigint, add_in bigint, add_out bigint
) RETURNS void LANGUAGE sql AS $$
    UPDATE costmon_guard_usage
        SET changes = changes + 1, spent = spent + add_spent, requests = requests + add_requests,
            expired = expired + add_expired, failed = failed + add_failed,
            bytes_in = bytes_in + add_in, bytes_out = bytes_out + add_out
        WHERE id = ANY (p.usage)
$$;

CREATE OR REPLACE FUNCTION costmon_guard_reserve(
    plan_id bigint, plan_revision bigint, nano bigint, ttl_s double precision, wanted_key text,
    OUT what text, OUT number bigint, OUT line integer, OUT spent text[], OUT held text[]
) LANGUAGE plpgsql AS $$
DECLARE
    p costmon_guard_plan;
    one_spent numeric;
    one_held numeric;
BEGIN
    SELECT s.revision INTO number FROM costmon_guard_state AS s FOR UPDATE;
    IF number <> plan_revision THEN
        what := 'outdated';
        RETURN;
    END IF;
    IF wanted_key IS NOT NULL THEN
        SELECT l.id INTO number FROM costmon_guard_lease AS l WHERE l.key = wanted_key;
        IF FOUND THEN
            what := 'known';
            RETURN;
        END IF;
    END IF;
    SELECT * INTO p FROM costmon_guard_plan AS g WHERE g.id = plan_id AND NOT g.retired;
    IF NOT FOUND THEN
        what := 'unbound';
        RETURN;
    END IF;
    FOR i IN 1 .. cardinality(p.cells) LOOP
        IF p.limits[i] IS NULL AND p.warns[i] IS NULL THEN
            -- An array whose first subscript is not 1 would be read with shifted elements.
            spent[i] := NULL;
            held[i] := NULL;
            CONTINUE;
        END IF;
        IF p.firsts[i] = p.lasts[i] THEN
            SELECT c.spent, c.held INTO one_spent, one_held
                FROM costmon_guard_cell AS c WHERE c.id = p.cells[i];
        ELSE
            SELECT sum(c.spent), sum(c.held) INTO one_spent, one_held
                FROM costmon_guard_cell AS c
                WHERE c.scope = p.scopes[i] AND c.period = p.periods[i]
                    AND c.bucket BETWEEN p.firsts[i] AND p.lasts[i];
        END IF;
        one_spent := coalesce(one_spent, 0);
        one_held := coalesce(one_held, 0);
        spent[i] := one_spent::text;
        held[i] := one_held::text;
        IF one_spent + one_held + coalesce(p.fixed[i], nano) > p.limits[i] THEN
            what := 'refused';
            line := i;
            RETURN;
        END IF;
    END LOOP;
    IF costmon_guard_add(p, nano, 0, 1, 0) <> cardinality(p.cells) THEN
        RAISE EXCEPTION 'a counter is gone' USING ERRCODE = 'CG001';
    END IF;
    INSERT INTO costmon_guard_lease (plan, nano, state, at_s, key)
        VALUES (plan_id, nano, 0, costmon_guard_now() + ttl_s, wanted_key)
        RETURNING id INTO number;
    what := 'held';
END $$;

CREATE OR REPLACE FUNCTION costmon_guard_end(
    lease_id bigint, nano bigint, after integer, requests bigint, failed bigint, bytes_in bigint,
    bytes_out bigint
) RETURNS smallint LANGUAGE plpgsql AS $$
DECLARE
    l costmon_guard_lease;
    p costmon_guard_plan;
    given_back bigint := CASE WHEN after = 1 THEN 0 ELSE -1 END;
BEGIN
    PERFORM 1 FROM costmon_guard_state FOR UPDATE;
    SELECT * INTO l FROM costmon_guard_lease WHERE id = lease_id;
    IF NOT FOUND OR l.state IN (1, 2) THEN
        RETURN l.state;
    END IF;
    SELECT * INTO p FROM costmon_guard_plan WHERE id = l.plan;
    IF l.state = 0 THEN
        PERFORM costmon_guard_add(p, -l.nano, nano, -1, 1 + given_back);
        IF after = 1 THEN
            PERFORM costmon_guard_count(p, nano, requests, 0, failed, bytes_in, bytes_out);
        END IF;
    ELSE
        -- What was reset since is not credited again.
        UPDATE costmon_guard_cell AS c
            SET spent = c.spent
                + CASE WHEN f.fixed IS NULL THEN nano - l.nano ELSE given_back * f.fixed END
            FROM unnest(p.cells, p.fixed) AS f (id, fixed)
            WHERE c.id = f.id AND c.reset <= l.resets;
        UPDATE costmon_guard_forgiven AS f
            SET spent = f.spent + nano - l.nano
            FROM costmon_guard_usage AS u
            WHERE u.id = ANY (p.usage) AND f.scope = u.scope AND f.hour = u.hour
                AND f.reset > l.resets;
        PERFORM costmon_guard_count(
            p, nano - l.nano, CASE WHEN after = 1 THEN requests - 1 ELSE -1 END, -1, failed,
            bytes_in, bytes_out);
    END IF;
    UPDATE costmon_guard_lease SET state = after, at_s = costmon_guard_now() WHERE id = lease_id;
    RETURN l.state;
END $$;

CREATE OR REPLACE FUNCTION costmon_guard_expire() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    now_s double precision;
    resets_now bigint;
    due record;
    p costmon_guard_plan;
    expired bigint;
BEGIN
    PERFORM 1 FROM costmon_guard_lease WHERE state = 0 AND at_s <= costmon_guard_now() LIMIT 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT resets INTO resets_now FROM costmon_guard_state FOR UPDATE;
    now_s := costmon_guard_now();
    FOR due IN
        SELECT plan, sum(nano)::bigint AS total, count(*) AS many
            FROM costmon_guard_lease WHERE state = 0 AND at_s <= now_s GROUP BY plan
    LOOP
        SELECT * INTO p FROM costmon_guard_plan WHERE id = due.plan;
        PERFORM costmon_guard_add(p, -due.total, due.total, -due.many, due.many);
        PERFORM costmon_guard_count(p, due.total, due.many, due.many, 0, 0, 0);
    END LOOP;
    UPDATE costmon_guard_lease SET state = 3, at_s = now_s, resets = resets_now
        WHERE state = 0 AND at_s <= now_s;
    GET DIAGNOSTICS expired = ROW_COUNT;
    RETURN expired;
END $$;
"""

SCHEMA = _TABLES + _COUNTERS + _FUNCTIONS
_DROPPED = """
DELETE FROM costmon_guard_cell WHERE period NOT LIKE 'calls/%';
INSERT INTO costmon_guard_plan_scope (scope, hour, plan)
    SELECT s.scope, (p.plan::json ->> 'hour')::bigint, p.id
    FROM costmon_guard_plan AS p,
        LATERAL json_array_elements_text(p.plan::json -> 'scopes') AS s (scope);
UPDATE costmon_guard_plan SET retired = true;
"""
UPGRADE = _COUNTERS + _FUNCTIONS + _DROPPED
"""Brings tables of version 1 up to date.

Its counters of money are dropped, because some of them were too low: when they are used
they start again from usage rows and open leases. Resets of the current windows are lost.
"""
