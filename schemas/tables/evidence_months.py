"""Why: entries are kept by the month, so that a month can leave whole when the law no longer wants it: dropping a table costs nothing, deleting its rows costs
what writing them did. `schemas.tables.evidence` hangs these statements on its table; the sequencer calls `evidence.keep_months` ahead of time.

Entries' ids are UUIDs of version 7, so a month is a range of ids, and a look-up by id knows its month. The guards against replays and repetitions are unique
indexes of each month; where two months meet, a trigger looks across: for a day after a month began and a quarter of an hour before it ends. Outside of that it
is a comparison of two ids. What fits no month goes to `entries_rest`, so that no answer fails because a month was not made.

Documents of the usual size lie as they are (`toast_tuple_target`): to compress two kilobytes of hashes and signatures saves a quarter of the place and cost
an eighth of all that the server does for an answer.
"""

SCHEMA = "evidence_months"
"""Apart from `evidence`: nobody needs rights on a month, entries are reached through their one table."""

_ID_OF = """
CREATE OR REPLACE FUNCTION evidence.first_id(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
SELECT (lpad(to_hex(floor(extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid $$
"""
_LOOK_ACROSS = """
CREATE OR REPLACE FUNCTION evidence.look_across() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
IF NEW.keyid IS NULL THEN RETURN NEW; END IF;
PERFORM pg_advisory_xact_lock(hashtextextended(NEW.keyid || coalesce(NEW.nonce, ''), 7311006));
PERFORM pg_advisory_xact_lock(hashtextextended(NEW.keyid || coalesce(NEW.request_id, ''), 7311007));
IF EXISTS (SELECT FROM evidence.entries e WHERE e.id >= TG_ARGV[0]::uuid AND e.id < TG_ARGV[1]::uuid AND e.keyid = NEW.keyid AND e.nonce = NEW.nonce)
    OR (NEW.kind = 'answer' AND NEW.code IS NULL AND EXISTS (SELECT FROM evidence.entries e WHERE e.id >= TG_ARGV[0]::uuid AND e.id < TG_ARGV[1]::uuid
        AND e.keyid = NEW.keyid AND e.request_id = NEW.request_id AND e.kind = 'answer' AND e.code IS NULL))
THEN RETURN NULL; END IF;
RETURN NEW; END $$
"""
_GUARD = """
CREATE OR REPLACE FUNCTION evidence.guard_month(part text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
EXECUTE format('CREATE UNIQUE INDEX uq_%1$s_keyid_nonce ON evidence_months.%1$I (keyid, nonce)', part);
EXECUTE format('CREATE UNIQUE INDEX uq_%1$s_keyid_request_id ON evidence_months.%1$I (keyid, request_id) WHERE kind = ''answer'' AND code IS NULL', part);
EXECUTE format('CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence_months.%I
    FOR EACH STATEMENT EXECUTE FUNCTION evidence.forbid_change()', part);
END $$
"""
_KEEP = """
CREATE OR REPLACE FUNCTION evidence.keep_months(begun timestamptz, ahead int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog SET lock_timeout = '3s' AS $$
DECLARE low timestamptz; high timestamptz; part text; made int := 0;
BEGIN
PERFORM pg_advisory_xact_lock(7311005);
FOR i IN 0..ahead LOOP
    low := (date_trunc('month', begun AT TIME ZONE 'UTC') + make_interval(months => i)) AT TIME ZONE 'UTC';
    high := (low AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
    part := 'entries_' || to_char(low AT TIME ZONE 'UTC', 'YYYY_MM');
    CONTINUE WHEN to_regclass('evidence_months.' || part) IS NOT NULL OR EXISTS (SELECT FROM evidence_months.entries_rest
        WHERE id >= evidence.first_id(low) AND id < evidence.first_id(high)); -- what came before its month was made stays in the rest
    EXECUTE format('CREATE TABLE evidence_months.%I (LIKE evidence.entries INCLUDING ALL) WITH (toast_tuple_target = 8160)', part);
    PERFORM evidence.guard_month(part);
    EXECUTE format('CREATE TRIGGER look_back BEFORE INSERT ON evidence_months.%I FOR EACH ROW WHEN (NEW.id < %L::uuid)
        EXECUTE FUNCTION evidence.look_across(%L, %L)', part, evidence.first_id(low + interval '1 day'),
        evidence.first_id(low - interval '1 day'), evidence.first_id(low));
    EXECUTE format('CREATE TRIGGER look_ahead BEFORE INSERT ON evidence_months.%I FOR EACH ROW WHEN (NEW.id >= %L::uuid)
        EXECUTE FUNCTION evidence.look_across(%L, %L)', part, evidence.first_id(high - interval '15 minutes'),
        evidence.first_id(high), evidence.first_id(high + interval '15 minutes'));
    EXECUTE format('ALTER TABLE evidence.entries ATTACH PARTITION evidence_months.%I FOR VALUES FROM (%L) TO (%L)', part,
        evidence.first_id(low), evidence.first_id(high));
    made := made + 1;
END LOOP;
RETURN made; END $$
"""

MONTHS: tuple[str, ...] = (
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
    *(one.replace("%", "%%") for one in (_ID_OF, _LOOK_ACROSS, _GUARD, _KEEP)),
    "REVOKE EXECUTE ON FUNCTION evidence.keep_months, evidence.guard_month FROM PUBLIC",
    f"CREATE TABLE {SCHEMA}.entries_rest (LIKE evidence.entries INCLUDING ALL) WITH (toast_tuple_target = 8160)",
    "SELECT evidence.guard_month('entries_rest')",
    f"ALTER TABLE evidence.entries ATTACH PARTITION {SCHEMA}.entries_rest DEFAULT",
    "SELECT evidence.keep_months(now(), 2)",
)
"""The statements that make months possible and the first three of them, with `%` doubled; `evidence.entries` and its triggers must exist."""
