"""Entrusted and superior courts, transferred assets, legal holds of a whole case, grants of a mission.

Policies that changed: a court reads what is in its sight and writes only its own; an entrusted court sees the assets
that it was entrusted with, in that case only; a lessor loses sight of where an asset goes once it is another's.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

LESSOR, GRANTEE, ADMINISTRATOR, SERVICE = (
    f"leasetrace_{name}" for name in ("lessor", "grantee", "administrator", "service")
)
DEFINER = "STABLE PARALLEL SAFE COST 1000 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"

# As in 0012: arrays where a table is entered by them, hashed ids where rows are looked up one by one.
OWN = "lessor_id = ANY ((SELECT sight_lessors())::integer[])"
KNOWN = "asset_id IN (SELECT unnest(sight_known_assets()))"  # before
KNOWN_ARRAY = "asset_id = ANY ((SELECT sight_known_assets())::integer[])"
CASES = "case_id = ANY ((SELECT sight_cases())::integer[])"
OWN_CASES = "case_id = ANY ((SELECT sight_own_cases())::integer[])"
COURT_CASES = "case_id = ANY ((SELECT sight_court_cases())::integer[])"
OWN_COURT = "court_id = (SELECT sight_court())"
IN_COURTS = f"court_id = ANY ((SELECT sight_courts())::integer[]) OR {CASES}"
# Of a case that a court handles, all that it has confirmed; of one that was only lent to it, what was lent in it. Known
# assets are not asked for: a superior court may know more of them than PostgreSQL hashes in work_mem (200,000).
IN_CASE = """(case_id IN (SELECT unnest(sight_named_cases()))
    OR (case_id::bigint << 32 | asset_id) IN (SELECT unnest(sight_lent())))"""
CONFIRMED = """EXISTS (
    SELECT FROM case_asset c WHERE c.case_id = seizure_measure.case_id AND c.asset_id = seizure_measure.asset_id
        AND c.confirmed_at IS NOT NULL OFFSET 0)"""
MEASURES = "measure_id IN (SELECT measure_id FROM seizure_measure)"
OWN_MEASURES = MEASURES.replace("_measure)", "_measure WHERE OWN_CASES)").replace("OWN_CASES", OWN_CASES)
HIS_ASSIGNMENTS = f"{CASES} AND dispatcher_id = (SELECT sight_grantee()) AND (SELECT sight_court()) IS NULL"
ASSIGNMENTS_BEFORE = f"""{CASES}
    AND (current_setting('leasetrace.grantee_kind', true) = 'court' OR dispatcher_id = sight_grantee())"""

# Whose case it is, who applied for it and its number stay.
CHANGEABLE = "judgment_debtor, claim_mode, claim_yuan, basis_number, phase, opened_on, closed_on"

DECLARE = """
        DECLARE
            kind   text := current_setting('leasetrace.grantee_kind', true);
            whose  integer := sight_grantee();
            courts integer[] := sight_courts();
            about  integer := sight_case();
            since  timestamptz := sight_at();"""
IN_TERM = "m.starts_on <= day AND m.ends_on >= day AND (m.released_on IS NULL OR m.released_on > day)"
IN_FORCE = "g.valid_from <= since AND (g.valid_until IS NULL OR g.valid_until > since)"
CASES_BEFORE = """
        BEGIN
            RETURN ARRAY(
                SELECT case_id FROM enforcement_case WHERE court_id = ANY (courts)
                UNION SELECT case_id FROM enforcement_case WHERE applicant_lessor_id = ANY (sight_lessors())
                UNION SELECT g.case_id FROM access_grant g
                    WHERE g.grantee_kind = kind AND g.grantee_id = whose AND g.ground <> 'case' AND IN_FORCE
                UNION SELECT a.case_id FROM planning_assignment a
                    WHERE kind = 'principal' AND a.dispatcher_id = whose AND a.starts_at <= since AND a.ends_at > since);
        END"""
# What was entrusted or assigned ends with the case; a mission opens assets and no case.
CASES_NOW = """
        BEGIN
            RETURN ARRAY(
                SELECT case_id FROM enforcement_case WHERE court_id = ANY (courts)
                UNION SELECT case_id FROM enforcement_case WHERE applicant_lessor_id = ANY (sight_lessors())
                UNION SELECT e.case_id FROM entrustment e JOIN enforcement_case c USING (case_id)
                    WHERE e.court_id = sight_court() AND e.withdrawn_at IS NULL
                      AND e.starts_at <= since AND e.ends_at > since AND c.closed_on IS NULL
                UNION SELECT a.case_id FROM planning_assignment a JOIN enforcement_case c USING (case_id)
                    WHERE kind = 'principal' AND a.dispatcher_id = whose
                      AND a.starts_at <= since AND a.ends_at > since AND c.closed_on IS NULL);
        END"""

NEW_FUNCTIONS = (
    ("sight_court_cases()", "integer[]", """
        BEGIN
            RETURN ARRAY(SELECT case_id FROM enforcement_case WHERE court_id = ANY (courts));
        END"""),
    # Of those only the one that is named, where one is.
    ("sight_named_cases()", "integer[]", """
        BEGIN
            IF about IS NULL THEN
                RETURN sight_court_cases();
            END IF;
            RETURN ARRAY(SELECT case_id FROM enforcement_case WHERE court_id = ANY (courts) AND case_id = about);
        END"""),
    # Pairs of case and asset, one number each: an asset may be in two cases of which only one was lent.
    ("sight_lent()", "bigint[]", """
        BEGIN
            RETURN ARRAY(
                SELECT g.case_id::bigint << 32 | g.asset_id
                FROM access_grant g JOIN enforcement_case c USING (case_id)
                WHERE c.closed_on IS NULL AND g.grantee_kind = kind AND g.grantee_id = whose AND g.ground <> 'case' AND g.ground <> 'mission'
                  AND (about IS NULL OR g.case_id = about) AND IN_FORCE);
        END"""),
    ("sight_transferred()", "integer[]", """
        BEGIN
            RETURN ARRAY(SELECT asset_id FROM asset_transfer WHERE from_lessor_id = ANY (sight_lessors()));
        END"""),
    # Assets in sight on which some court has a measure in force: lessors learn it of cases that are not theirs too.
    ("sight_seized(day date)", "integer[]", """
        BEGIN
            IF current_setting('role') IN ('leasetrace_administrator', 'leasetrace_service') THEN
                RETURN ARRAY(SELECT m.asset_id FROM seizure_measure m WHERE IN_TERM);
            END IF;
            RETURN ARRAY(
                SELECT m.asset_id FROM seizure_measure m JOIN asset a USING (asset_id)
                    WHERE a.lessor_id = ANY (sight_lessors()) AND IN_TERM
                UNION SELECT m.asset_id FROM seizure_measure m
                    WHERE m.asset_id IN (SELECT unnest(sight_known_assets())) AND IN_TERM);
        END"""),
)  # fmt: skip

# (table, policy, what follows its name); the first three of a table replace its only policy for grantees of 0012.
SELECT, INSERT, UPDATE = (f"FOR {command} TO {GRANTEE}" for command in ("SELECT", "INSERT", "UPDATE"))
GRANTEES = (
    ("enforcement_case", "grantee", f"{SELECT} USING ({IN_COURTS})"),
    ("enforcement_case", "grantee_insert", f"{INSERT} WITH CHECK ({OWN_COURT})"),
    ("enforcement_case", "grantee_update", f"{UPDATE} USING ({OWN_COURT}) WITH CHECK ({OWN_COURT})"),
    ("case_asset", "grantee", f"{SELECT} USING (confirmed_at IS NOT NULL AND {IN_CASE})"),
    ("seizure_measure", "grantee", f"{SELECT} USING ({IN_CASE})"),
    ("seizure_measure", "grantee_insert", f"{INSERT} WITH CHECK ({OWN_CASES} AND {CONFIRMED})"),
    ("seizure_measure", "grantee_update",
     f"{UPDATE} USING ({OWN_CASES}) WITH CHECK ({OWN_CASES} AND {CONFIRMED})"),
    ("seizure_renewal", "grantee", f"{SELECT} USING ({MEASURES})"),
    ("seizure_renewal", "grantee_insert", f"{INSERT} WITH CHECK ({OWN_MEASURES})"),
    ("planning_assignment", "grantee", f"{SELECT} USING ({COURT_CASES} OR {HIS_ASSIGNMENTS})"),
    ("planning_assignment", "grantee_insert", f"{INSERT} WITH CHECK ({OWN_CASES})"),
)  # fmt: skip
GRANTEES_BEFORE = (
    ("enforcement_case", f"USING ({IN_COURTS}) WITH CHECK ({OWN_COURT})"),
    ("case_asset", f"USING ({CASES} AND {KNOWN})"),
    ("seizure_measure", f"USING ({CASES} AND {KNOWN}) WITH CHECK ({OWN_CASES} AND {KNOWN})"),
    ("seizure_renewal", f"USING ({MEASURES}) WITH CHECK ({MEASURES})"),
    ("planning_assignment", f"USING ({ASSIGNMENTS_BEFORE}) WITH CHECK ({OWN_CASES})"),
)  # fmt: skip

# The array is empty for nearly every lessor: then nothing is looked up row by row.
TRACKS = ("ping", "current_position", "daily_position")
UNTIL_TRANSFER = """OWN AND (asset_id IS NULL OR asset_id NOT IN (SELECT unnest(sight_transferred()))
    OR fixed_at < (SELECT t.transferred_at FROM asset_transfer t WHERE t.asset_id = TRACK.asset_id))""".replace(
    "OWN", OWN
)
DOUBTS_UNTIL_TRANSFER = """OWN AND (device_id NOT IN (SELECT d.device_id FROM transferred_device d)
    OR NOT EXISTS (
        SELECT FROM device_binding b JOIN asset_transfer t USING (asset_id)
        WHERE b.device_id = later_doubt.device_id AND b.bound_from <= later_doubt.fixed_at
          AND (b.bound_until IS NULL OR b.bound_until > later_doubt.fixed_at)
          AND t.transferred_at <= later_doubt.fixed_at))""".replace("OWN", OWN)

HOLDS_LOCK = (
    "LOCK TABLE public.legal_hold IN SHARE MODE",
    "LOCK TABLE public.legal_hold, public.case_asset IN SHARE MODE",
)
HELD_BEFORE = "SELECT DISTINCT asset_id FROM legal_hold WHERE until_at IS NULL"
HELD_NOW = """
        SELECT asset_id FROM legal_hold WHERE until_at IS NULL AND asset_id IS NOT NULL
        UNION
        SELECT c.asset_id FROM legal_hold h JOIN case_asset c USING (case_id)
        WHERE h.until_at IS NULL AND h.asset_id IS NULL AND c.confirmed_at IS NOT NULL"""


def _edit_drop(before: str, after: str) -> None:
    op.execute(f"""
        DO $do$
        DECLARE source text := pg_get_functiondef('ping_partition_drop(date, timestamptz)'::regprocedure);
        BEGIN
            IF position($a${before}$a$ IN source) = 0 THEN RAISE EXCEPTION 'another ping_partition_drop'; END IF;
            EXECUTE replace(source, $a${before}$a$, $b${after}$b$);
        END $do$""")


def _function(name: str, returns: str, body: str) -> None:
    text = f"{DECLARE} {body}".replace("IN_FORCE", IN_FORCE).replace("IN_TERM", IN_TERM)
    op.execute(f"CREATE OR REPLACE FUNCTION {name} RETURNS {returns} LANGUAGE plpgsql {DEFINER} AS $$ {text} $$")


def _tables() -> None:
    op.execute("""
        CREATE TABLE entrustment (
            entrustment_id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT entrustment_pkey PRIMARY KEY,
            case_id        integer NOT NULL CONSTRAINT entrustment_case_id_fkey REFERENCES enforcement_case,
            court_id       integer NOT NULL CONSTRAINT entrustment_court_id_fkey REFERENCES court, -- the entrusted one
            kind           text NOT NULL,      -- the case (委托执行), or a single matter (事项委托)
            matters        text NOT NULL,      -- what for
            letter_number  text NOT NULL,
            asset_ids      integer[],          -- NULL: all of the case, also those that are confirmed later
            starts_at      timestamptz NOT NULL,
            ends_at        timestamptz NOT NULL,
            given_by       integer NOT NULL CONSTRAINT entrustment_given_by_fkey REFERENCES principal,
            given_at       timestamptz NOT NULL,
            withdrawn_at   timestamptz,
            withdrawn_by   integer CONSTRAINT entrustment_withdrawn_by_fkey REFERENCES principal,
            CONSTRAINT entrustment_kind_check CHECK (kind IN ('case', 'matter')),
            CONSTRAINT entrustment_period_check CHECK (ends_at > starts_at),
            CONSTRAINT entrustment_withdrawn_check CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
        )""")
    op.execute("CREATE INDEX entrustment_case_id_idx ON entrustment (case_id)")
    op.execute("CREATE INDEX entrustment_court_id_idx ON entrustment (court_id)")
    op.execute("""
        CREATE TABLE asset_transfer (
            asset_id       integer NOT NULL CONSTRAINT asset_transfer_pkey PRIMARY KEY
                           CONSTRAINT asset_transfer_asset_id_fkey REFERENCES asset,
            from_lessor_id integer NOT NULL CONSTRAINT asset_transfer_from_lessor_id_fkey REFERENCES lessor,
            to_name        text NOT NULL,
            ground         text NOT NULL,
            transferred_at timestamptz NOT NULL,
            recorded_at    timestamptz NOT NULL,
            recorded_by    integer NOT NULL CONSTRAINT asset_transfer_recorded_by_fkey REFERENCES principal,
            CONSTRAINT asset_transfer_from_lessor_id_asset_id_fkey
                FOREIGN KEY (from_lessor_id, asset_id) REFERENCES asset (lessor_id, asset_id)
        )""")
    op.execute("CREATE INDEX asset_transfer_from_lessor_id_idx ON asset_transfer (from_lessor_id)")
    op.execute("""
        ALTER TABLE access_grant DROP CONSTRAINT access_grant_ground_check,
            ADD CONSTRAINT access_grant_ground_check
                CHECK (ground IN ('case', 'entrustment', 'assignment', 'mission')),
            ADD CONSTRAINT access_grant_mission_check CHECK ((ground = 'mission') = (through_kind IS NOT NULL)),
            ADD COLUMN ground_id integer  -- the entrustment, assignment or mission; NULL for a case
        """)
    op.execute("CREATE INDEX access_grant_case_id_asset_id_idx ON access_grant (case_id, asset_id)")
    op.execute("CREATE INDEX access_grant_asset_id_idx ON access_grant (asset_id)")
    op.execute("""
        ALTER TABLE legal_hold ALTER COLUMN asset_id DROP NOT NULL,
            ADD CONSTRAINT legal_hold_what_check CHECK (asset_id IS NOT NULL OR case_id IS NOT NULL)""")
    op.execute("""
        CREATE UNIQUE INDEX legal_hold_case_wide_idx ON legal_hold (case_id)
            WHERE asset_id IS NULL AND until_at IS NULL""")
    op.execute(f"CREATE OR REPLACE VIEW held_asset WITH (security_invoker = true) AS {HELD_NOW}")
    # The named contract by which `tracking` learns which devices to ask for the past of an asset that was transferred.
    op.execute("""
        CREATE VIEW transferred_device WITH (security_invoker = true) AS
        SELECT DISTINCT b.asset_id, b.device_id FROM asset_transfer t JOIN device_binding b USING (asset_id)""")
    _edit_drop(*HOLDS_LOCK)


def upgrade() -> None:
    """Create tables, functions and policies."""
    _tables()
    _function("sight_cases()", "integer[]", CASES_NOW)
    for name, returns, body in NEW_FUNCTIONS:
        _function(name, returns, body)
    for table, policy, rest in GRANTEES:
        if policy == "grantee":
            op.execute(f"DROP POLICY grantee ON {table}")
        op.execute(f"CREATE POLICY {policy} ON {table} {rest}")
    op.execute(f"REVOKE UPDATE ON enforcement_case FROM {GRANTEE}")
    op.execute(f"GRANT UPDATE ({CHANGEABLE}) ON enforcement_case TO {GRANTEE}")
    for table in ("entrustment", "asset_transfer"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY service ON {table} TO {SERVICE} USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {SERVICE}")
    _entrustments()
    _transfers()


def _entrustments() -> None:
    # The entrusted court is not told of what the case entrusted to others.
    seen = f"{COURT_CASES} OR {CASES} AND {OWN_COURT}"
    op.execute(f"CREATE POLICY grantee ON entrustment FOR SELECT TO {GRANTEE} USING ({seen})")
    op.execute(f"CREATE POLICY grantee_insert ON entrustment FOR INSERT TO {GRANTEE} WITH CHECK ({OWN_CASES})")
    op.execute(
        f"CREATE POLICY grantee_update ON entrustment FOR UPDATE TO {GRANTEE}"
        f" USING ({OWN_CASES}) WITH CHECK ({OWN_CASES})"
    )
    op.execute(f"CREATE POLICY administrator ON entrustment FOR SELECT TO {ADMINISTRATOR} USING (true)")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON entrustment TO {GRANTEE}")
    op.execute(f"GRANT SELECT ON entrustment TO {ADMINISTRATOR}")
    op.execute(f"GRANT USAGE, SELECT ON SEQUENCE entrustment_entrustment_id_seq TO {GRANTEE}, {SERVICE}")


def _transfers() -> None:
    own = "from_lessor_id = ANY ((SELECT sight_lessors())::integer[])"
    op.execute(f"CREATE POLICY lessor ON asset_transfer FOR SELECT TO {LESSOR} USING ({own})")
    op.execute(f"CREATE POLICY lessor_insert ON asset_transfer FOR INSERT TO {LESSOR} WITH CHECK ({own})")
    op.execute(f"CREATE POLICY administrator ON asset_transfer TO {ADMINISTRATOR} USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY grantee ON asset_transfer FOR SELECT TO {GRANTEE} USING ({KNOWN_ARRAY})")
    op.execute(f"GRANT SELECT, INSERT ON asset_transfer TO {LESSOR}")
    op.execute(f"GRANT SELECT, INSERT, DELETE ON asset_transfer TO {ADMINISTRATOR}")
    op.execute(f"GRANT SELECT (asset_id, transferred_at) ON asset_transfer TO {GRANTEE}")  # that, not to whom
    op.execute(f"GRANT SELECT ON transferred_device TO {LESSOR}, {GRANTEE}, {SERVICE}")
    for table in TRACKS:
        op.execute(f"ALTER POLICY lessor ON {table} USING ({UNTIL_TRANSFER.replace('TRACK', table)})")
    op.execute(f"ALTER POLICY lessor ON later_doubt USING ({DOUBTS_UNTIL_TRANSFER})")


def downgrade() -> None:
    """Take it all back; holds of whole cases become holds of their assets, and grants of missions go."""
    for table in (*TRACKS, "later_doubt"):
        op.execute(f"ALTER POLICY lessor ON {table} USING ({OWN})")
    for table, policy, _ in GRANTEES:
        op.execute(f"DROP POLICY {policy} ON {table}")
    for table, rest in GRANTEES_BEFORE:
        command = "FOR SELECT" if "WITH CHECK" not in rest else ""
        op.execute(f"CREATE POLICY grantee ON {table} {command} TO {GRANTEE} {rest}")
    op.execute(f"REVOKE UPDATE ({CHANGEABLE}) ON enforcement_case FROM {GRANTEE}")
    op.execute(f"GRANT UPDATE ON enforcement_case TO {GRANTEE}")
    _function("sight_cases()", "integer[]", CASES_BEFORE)
    op.execute("DROP VIEW transferred_device")
    op.execute("DROP TABLE entrustment, asset_transfer")
    for name, *_ in reversed(NEW_FUNCTIONS):
        op.execute(f"DROP FUNCTION {name}")
    _edit_drop(*reversed(HOLDS_LOCK))
    op.execute("DROP INDEX legal_hold_case_wide_idx")
    op.execute("""
        INSERT INTO legal_hold (asset_id, case_id, reason, from_at, until_at, placed_by)
        SELECT c.asset_id, h.case_id, h.reason, h.from_at, h.until_at, h.placed_by
        FROM legal_hold h JOIN case_asset c USING (case_id)
        WHERE h.asset_id IS NULL AND c.confirmed_at IS NOT NULL""")
    op.execute("DELETE FROM legal_hold WHERE asset_id IS NULL")
    op.execute("ALTER TABLE legal_hold DROP CONSTRAINT legal_hold_what_check, ALTER COLUMN asset_id SET NOT NULL")
    op.execute(f"CREATE OR REPLACE VIEW held_asset WITH (security_invoker = true) AS {HELD_BEFORE}")
    op.execute("DROP INDEX access_grant_asset_id_idx, access_grant_case_id_asset_id_idx")
    op.execute("DELETE FROM access_grant WHERE ground = 'mission'")
    op.execute("""
        ALTER TABLE access_grant DROP COLUMN ground_id, DROP CONSTRAINT access_grant_mission_check,
            DROP CONSTRAINT access_grant_ground_check,
            ADD CONSTRAINT access_grant_ground_check CHECK (ground IN ('case', 'entrustment', 'assignment'))""")
