"""Who sees which row: roles, scopes of keys, and row-level security on every table.

The role that the application connects with owns nothing and may do nothing itself. It takes one of six roles for the
time of a transaction (``core.database.Sight``), and each table has at most one policy for each of them here, in a form that
the planner can use an index for: a column compared with an array that is computed once.

Functions named ``sight_…`` read the settings of the transaction and, as the owner, the registers that they need; they
return numbers only.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

LESSOR, GRANTEE, AUDITOR, ADMINISTRATOR, WRITER, SERVICE = (
    f"leasetrace_{name}" for name in ("lessor", "grantee", "auditor", "administrator", "writer", "service")
)

FUNCTIONS = (
    ("sight_lessors()", "integer[]", "SELECT nullif(current_setting('leasetrace.lessor_ids', true), '')::integer[]"),
    ("sight_case()", "integer", "SELECT nullif(current_setting('leasetrace.case_id', true), '')::integer"),
    ("sight_at()", "timestamptz",
     "SELECT coalesce(nullif(current_setting('leasetrace.at', true), '')::timestamptz, now())"),
    ("sight_grantee()", "integer", "SELECT nullif(current_setting('leasetrace.grantee_id', true), '')::integer"),
    ("sight_court()", "integer", """
        SELECT sight_grantee() WHERE current_setting('leasetrace.grantee_kind', true) = 'court'"""),
    ("sight_courts()", "integer[]", """
        SELECT nullif(current_setting('leasetrace.lower_courts', true), '')::integer[] || sight_court()
        WHERE sight_court() IS NOT NULL"""),
)  # fmt: skip

# Read as the owner: the tables they read have policies themselves, which would call them again. Settings are read into
# variables first, so that each look is one by an index.
DECLARE = """
        DECLARE
            kind   text := current_setting('leasetrace.grantee_kind', true);
            whose  integer := sight_grantee();
            courts integer[] := sight_courts();
            about  integer := sight_case();
            since  timestamptz := sight_at();"""
IN_FORCE = "g.valid_from <= since AND (g.valid_until IS NULL OR g.valid_until > since)"
# A grant that was handed on holds only while its giver's own right to the asset in that case does.
RESTS = """(g.through_kind IS NULL OR EXISTS (
    SELECT FROM access_grant r
    WHERE r.grantee_kind = g.through_kind AND r.grantee_id = g.through_id AND r.case_id = g.case_id
      AND r.asset_id = g.asset_id AND r.through_kind IS NULL
      AND r.valid_from <= since AND (r.valid_until IS NULL OR r.valid_until > since)))"""
OWNERS_FUNCTIONS = (
    # Cases that a court handles itself: what it may change.
    ("sight_own_cases()", """
        BEGIN
            RETURN ARRAY(SELECT case_id FROM enforcement_case WHERE court_id = sight_court());
        END"""),
    # Cases in sight: handled by the court or one below it, applied for by the lessor, granted or assigned.
    ("sight_cases()", """
        BEGIN
            RETURN ARRAY(
                SELECT case_id FROM enforcement_case WHERE court_id = ANY (courts)
                UNION SELECT case_id FROM enforcement_case WHERE applicant_lessor_id = ANY (sight_lessors())
                UNION SELECT g.case_id FROM access_grant g
                    WHERE g.grantee_kind = kind AND g.grantee_id = whose AND g.ground <> 'case' AND IN_FORCE
                UNION SELECT a.case_id FROM planning_assignment a
                    WHERE kind = 'principal' AND a.dispatcher_id = whose AND a.starts_at <= since AND a.ends_at > since);
        END"""),
    # Assets whose positions are in sight: granted at the moment of looking, for the open case that was named.
    ("sight_assets()", """
        BEGIN
            IF NOT EXISTS (SELECT FROM enforcement_case c WHERE c.case_id = about AND c.closed_on IS NULL) THEN
                RETURN '{}';
            END IF;
            RETURN ARRAY(
                SELECT g.asset_id FROM access_grant g
                    WHERE g.grantee_kind = kind AND g.grantee_id = whose AND g.case_id = about AND IN_FORCE
                      AND RESTS
                UNION ALL SELECT g.asset_id FROM access_grant g
                    WHERE g.grantee_kind = kind AND g.grantee_id = ANY (courts) AND g.grantee_id <> whose
                      AND g.case_id = about AND g.ground = 'case' AND IN_FORCE);
        END"""),
    # Assets of whose registers something is in sight: also those that a court once confirmed, which it still counts.
    ("sight_known_assets()", """
        BEGIN
            IF about IS NULL THEN
                RETURN ARRAY(
                    SELECT g.asset_id FROM access_grant g
                        WHERE g.grantee_kind = kind AND g.grantee_id = ANY (whose || courts) AND g.ground = 'case'
                    UNION SELECT g.asset_id FROM access_grant g JOIN enforcement_case c USING (case_id)
                        WHERE g.grantee_kind = kind AND g.grantee_id = whose AND g.ground <> 'case'
                          AND c.closed_on IS NULL AND IN_FORCE AND RESTS);
            END IF;
            RETURN ARRAY(
                SELECT g.asset_id FROM access_grant g JOIN enforcement_case c USING (case_id)
                    WHERE g.grantee_kind = kind AND g.grantee_id = whose AND g.case_id = about
                      AND (g.ground = 'case' OR c.closed_on IS NULL AND IN_FORCE AND RESTS)
                UNION SELECT g.asset_id FROM access_grant g
                    WHERE g.grantee_kind = kind AND g.grantee_id = ANY (courts) AND g.grantee_id <> whose
                      AND g.case_id = about AND g.ground = 'case');
        END"""),
)  # fmt: skip

# What each role is shown of a table, and what it may do; the service sees every row of every table.
# An array is what an index can be scanned by, and is right where a table is entered by it. Where rows are looked up one by
# one, PostgreSQL 15 sorts the array anew for each (3.3 s for a case of 10,000): there the same ids are hashed once.
OWN = "lessor_id = ANY ((SELECT sight_lessors())::integer[])"
POSITIONS = "asset_id IN (SELECT unnest(sight_assets()))"
KNOWN = "asset_id = ANY ((SELECT sight_known_assets())::integer[])"
HASHED = "asset_id IN (SELECT unnest(sight_known_assets()))"
CASES = "case_id = ANY ((SELECT sight_cases())::integer[])"
OWN_CASES = "case_id = ANY ((SELECT sight_own_cases())::integer[])"
HIS = "source_id = ANY (ARRAY(SELECT source_id FROM aemp_source))"
# OFFSET 0: looked up by the key for each row, never hashed as a whole.
OFFERED = f"""{CASES} AND confirmed_at IS NULL AND confirmed_by IS NULL AND matched_by IS NULL
    AND EXISTS (SELECT FROM asset a WHERE a.asset_id = case_asset.asset_id OFFSET 0)"""
HELD = """(asset_id IS NULL OR EXISTS (
    SELECT FROM case_asset c WHERE c.case_id = legal_hold.case_id AND c.asset_id = legal_hold.asset_id
        AND c.confirmed_at IS NOT NULL OFFSET 0))"""
DOUBTED = """EXISTS (
    SELECT FROM ping p WHERE p.device_id = later_doubt.device_id AND p.variant = later_doubt.variant
        AND p.fixed_at = later_doubt.fixed_at OFFSET 0)"""
ALL = "SELECT, INSERT, UPDATE, DELETE"
HEARD = "asset_id, device_id, lessor_id, batch_id, fixed_at, received_at"
# (table, role, rights, rows seen, rows that may be written; the same where left out)
POLICIES: tuple[tuple[str, ...], ...] = (
    ("ping", WRITER, ALL, OWN),
    ("ping", LESSOR, "SELECT", OWN),
    ("ping", GRANTEE, "SELECT", POSITIONS),
    ("current_position", WRITER, ALL, f"lessor_id IS NULL OR {OWN}"),  # null: its constraint tells of a move meanwhile
    ("current_position", LESSOR, "SELECT", OWN),
    ("current_position", GRANTEE, "SELECT", POSITIONS),
    ("current_position", ADMINISTRATOR, f"SELECT ({HEARD})", "true"),  # when it was heard, not where
    ("daily_position", WRITER, ALL, OWN),
    ("daily_position", LESSOR, "SELECT", OWN),
    ("daily_position", GRANTEE, "SELECT", POSITIONS),
    ("later_doubt", WRITER, ALL, OWN),
    ("later_doubt", LESSOR, "SELECT", OWN),
    ("later_doubt", GRANTEE, "SELECT", DOUBTED),
    ("ping_extra", WRITER, ALL, OWN),
    ("ping_batch", WRITER, ALL, OWN),
    ("ping_batch", LESSOR, "SELECT", OWN),
    ("ping_batch", GRANTEE, "SELECT (batch_id, lessor_id, received_at)", "lessor_id IN (SELECT lessor_id FROM asset)"),
    ("ping_batch", ADMINISTRATOR, "SELECT", "true"),
    ("raw_body", WRITER, "INSERT", "true"),
    ("batch_chain", WRITER, "SELECT, INSERT, UPDATE", "true"),
    ("late_window", WRITER, "INSERT", OWN),
    ("feed_hour", WRITER, "SELECT, INSERT, UPDATE", OWN),
    ("feed_hour", LESSOR, "SELECT", OWN),
    ("feed_hour", ADMINISTRATOR, "SELECT", "true"),
    ("lessor", WRITER, "SELECT, UPDATE", OWN),
    ("lessor", LESSOR, "SELECT, UPDATE", OWN, "false"),  # locked by an import, never changed
    ("lessor", GRANTEE, "SELECT", "true"),
    ("lessor", ADMINISTRATOR, ALL, "true"),
    ("asset", LESSOR, ALL, OWN),
    ("asset", GRANTEE, "SELECT", KNOWN),
    ("asset", ADMINISTRATOR, ALL, "true"),
    ("device", WRITER, "SELECT", OWN),
    ("device", LESSOR, ALL, OWN),
    ("device", ADMINISTRATOR, ALL, "true"),
    ("device_binding", WRITER, "SELECT", OWN),
    ("device_binding", LESSOR, ALL, OWN),
    ("device_binding", GRANTEE, "SELECT", KNOWN),
    ("device_binding", ADMINISTRATOR, ALL, "true"),
    ("depot", LESSOR, ALL, OWN),
    ("depot", ADMINISTRATOR, ALL, "true"),
    ("feed", LESSOR, ALL, OWN),
    ("feed", ADMINISTRATOR, ALL, "true"),
    ("feed_alert", LESSOR, "SELECT", OWN),
    ("feed_alert", ADMINISTRATOR, "SELECT", "true"),
    ("aemp_source", LESSOR, ALL, OWN),
    ("aemp_source", ADMINISTRATOR, ALL, "true"),
    ("aemp_cursor", LESSOR, "SELECT, DELETE", HIS),
    ("aemp_cursor", ADMINISTRATOR, "SELECT, DELETE", "true"),
    ("enforcement_case", LESSOR, "SELECT, UPDATE", "applicant_lessor_id = ANY ((SELECT sight_lessors())::integer[])", "false"),  # locked while assets are offered, never changed
    ("enforcement_case", GRANTEE, "SELECT, INSERT, UPDATE",
     f"court_id = ANY ((SELECT sight_courts())::integer[]) OR {CASES}", "court_id = (SELECT sight_court())"),
    ("enforcement_case", ADMINISTRATOR, "SELECT, INSERT, UPDATE", "true"),
    ("case_asset", LESSOR, "SELECT, INSERT", CASES, OFFERED),
    ("case_asset", GRANTEE, "SELECT", f"{CASES} AND {HASHED}"),
    ("case_asset", ADMINISTRATOR, "SELECT", "true"),
    ("seizure_measure", LESSOR, "SELECT", CASES),
    ("seizure_measure", GRANTEE, "SELECT, INSERT, UPDATE", f"{CASES} AND {HASHED}", f"{OWN_CASES} AND {HASHED}"),
    ("seizure_measure", ADMINISTRATOR, "SELECT", "true"),
    ("seizure_renewal", LESSOR, "SELECT", "measure_id IN (SELECT measure_id FROM seizure_measure)"),
    ("seizure_renewal", GRANTEE, "SELECT, INSERT", "measure_id IN (SELECT measure_id FROM seizure_measure)"),
    ("seizure_renewal", ADMINISTRATOR, "SELECT", "true"),
    ("planning_assignment", GRANTEE, "SELECT, INSERT",
     f"{CASES} AND (current_setting('leasetrace.grantee_kind', true) = 'court' OR dispatcher_id = sight_grantee())",
     OWN_CASES),
    ("planning_assignment", ADMINISTRATOR, "SELECT", "true"),
    ("legal_hold", GRANTEE, "SELECT, INSERT, UPDATE", OWN_CASES, f"{OWN_CASES} AND {HELD}"),
    ("legal_hold", ADMINISTRATOR, "SELECT, INSERT, UPDATE", "true"),
    ("access_grant", GRANTEE, "SELECT", """grantee_kind = current_setting('leasetrace.grantee_kind', true)
        AND (grantee_id = (SELECT sight_grantee())
             OR grantee_id = ANY ((SELECT sight_courts())::integer[]) AND ground = 'case')"""),
    ("retention_log", ADMINISTRATOR, "SELECT", "true"),
)  # fmt: skip
SERVICES_ONLY = ("principal", "api_key", "worker_cursor", "binding_change")
PUBLIC = ("boundary_layer", "division", "court", "territory", "alembic_version")
EVERYBODY = f"{LESSOR}, {GRANTEE}, {AUDITOR}, {ADMINISTRATOR}, {WRITER}, {SERVICE}"
SEQUENCES = {LESSOR, GRANTEE, ADMINISTRATOR, WRITER, SERVICE}
DEFINER = (
    "LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp"
)
INVOKER = "LANGUAGE sql STABLE PARALLEL SAFE"
TRIGGERS = ("fleet_changed()", "binding_changed()")

# As of migration 0008, with row-level security on the new partition too: nobody reads one but through ``ping``.
ENABLE_ON_PARTITION = "EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);"


def _edit_ensure(before: str, after: str) -> None:
    op.execute(f"""
        DO $do$
        DECLARE source text := pg_get_functiondef('ping_partition_ensure(date)'::regprocedure);
        BEGIN
            IF position($a${before}$a$ IN source) = 0 THEN RAISE EXCEPTION 'another ping_partition_ensure'; END IF;
            EXECUTE replace(source, $a${before}$a$, $b${after}$b$);
        END $do$""")


def _on_partitions(action: str) -> None:
    loop = """
        DO $$
        DECLARE part record;
        BEGIN
            FOR part IN SELECT inhrelid::regclass AS name FROM pg_inherits WHERE inhparent = 'ping'::regclass LOOP
                EXECUTE format('ALTER TABLE %s ACTION ROW LEVEL SECURITY', part.name);
            END LOOP;
        END $$"""
    op.execute(loop.replace("ACTION", action))


def upgrade() -> None:
    """Name roles and scopes, then enable row-level security everywhere with a policy a role."""
    op.execute("ALTER TABLE principal DROP CONSTRAINT principal_kind_check, DROP CONSTRAINT principal_subject_check")
    op.execute("ALTER TABLE principal RENAME COLUMN kind TO role")
    op.execute("""
        UPDATE principal SET role = CASE role WHEN 'lessor' THEN 'lessor_manager' WHEN 'court' THEN 'enforcement_officer'
            WHEN 'administrator' THEN 'platform_administrator' ELSE role END""")
    op.execute("""
        ALTER TABLE principal
            ADD CONSTRAINT principal_role_check CHECK (role IN
                ('lessor_feed', 'lessor_reader', 'lessor_manager', 'enforcement_officer', 'court_administrator',
                 'dispatcher', 'crew', 'auditor', 'platform_administrator')),
            ADD CONSTRAINT principal_subject_check CHECK ((subject_id IS NOT NULL) = (role IN
                ('lessor_feed', 'lessor_reader', 'lessor_manager', 'enforcement_officer', 'court_administrator')))""")
    op.execute("ALTER TABLE api_key ADD COLUMN scopes text[], ADD COLUMN last_used_at timestamptz")
    op.execute("UPDATE api_key SET scopes = '{pings:post}' WHERE post_only")
    op.execute("ALTER TABLE api_key DROP COLUMN post_only")
    op.execute("""
        ALTER TABLE access_grant ADD COLUMN through_kind text, ADD COLUMN through_id integer, -- whose right is handed on
            ADD CONSTRAINT access_grant_through_check CHECK (num_nulls(through_kind, through_id) <> 1)""")
    op.execute("ALTER TABLE feed ADD CONSTRAINT feed_lessor_id_feed_id_key UNIQUE (lessor_id, feed_id)")
    op.execute("""
        ALTER TABLE aemp_source ADD CONSTRAINT aemp_source_lessor_id_feed_id_fkey
            FOREIGN KEY (lessor_id, feed_id) REFERENCES feed (lessor_id, feed_id)""")
    # The named contract by which `access` learns of a court which courts are below it.
    op.execute("""
        CREATE VIEW lower_court WITH (security_invoker = true) AS
        WITH RECURSIVE under AS (
            SELECT parent_court_id AS court_id, court_id AS lower_court_id FROM court WHERE parent_court_id IS NOT NULL
            UNION SELECT u.court_id, c.court_id FROM under u JOIN court c ON c.parent_court_id = u.lower_court_id
        ) SELECT court_id, lower_court_id FROM under""")
    for name, returns, body in FUNCTIONS:
        op.execute(f"CREATE FUNCTION {name} RETURNS {returns} {INVOKER} AS $$ {body} $$")
    for name, body in OWNERS_FUNCTIONS:
        told = body.replace("IN_FORCE", IN_FORCE).replace("RESTS", RESTS)
        op.execute(f"CREATE FUNCTION {name} RETURNS integer[] {DEFINER} AS $$ {DECLARE} {told} $$")
    # Grants beyond a court's own cases are few, and asked for with every look.
    op.execute("""
        CREATE INDEX access_grant_beyond_idx ON access_grant (grantee_kind, grantee_id) WHERE ground <> 'case'""")
    for trigger in TRIGGERS:  # a lessor that binds a device writes into queues that it does not see
        op.execute(f"ALTER FUNCTION {trigger} SECURITY DEFINER")
    tables = sorted({table for table, *_ in POLICIES} | {*SERVICES_ONLY, *PUBLIC} | {"raw_body"})
    for table in tables:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY service ON {table} TO {SERVICE} USING (true) WITH CHECK (true)")
    _on_partitions("ENABLE")
    # The worker looks at what waits for its day; every other partition is read through its table only.
    op.execute(f"CREATE POLICY service ON ping_default TO {SERVICE} USING (true) WITH CHECK (true)")
    op.execute(f"GRANT SELECT, DELETE ON ping_default TO {SERVICE}")
    attach = "EXECUTE format('ALTER TABLE public.ping ATTACH"
    _edit_ensure(attach, f"{ENABLE_ON_PARTITION}\n            {attach}")
    for table, role, rights, seen, *written in POLICIES:
        name = role.removeprefix("leasetrace_")
        check = f"WITH CHECK ({written[0] if written else seen})" if rights != "SELECT" and "(" not in rights else ""
        if rights == "INSERT":
            op.execute(f"CREATE POLICY {name} ON {table} FOR INSERT TO {role} WITH CHECK ({seen})")
        else:
            command = "FOR SELECT" if not check else ""
            op.execute(f"CREATE POLICY {name} ON {table} {command} TO {role} USING ({seen}) {check}")
        op.execute(f"GRANT {rights} ON {table} TO {role}")
    for table in PUBLIC:
        for role in (LESSOR, GRANTEE, AUDITOR, ADMINISTRATOR, WRITER):
            op.execute(
                f"CREATE POLICY {role.removeprefix('leasetrace_')} ON {table} FOR SELECT TO {role} USING (true)"
            )
            op.execute(f"GRANT SELECT ON {table} TO {role}")
    _grant_the_rest()


def _grant_the_rest() -> None:
    op.execute(f"GRANT USAGE ON SCHEMA public TO {EVERYBODY}")
    for table in sorted({table for table, *_ in POLICIES} | {*SERVICES_ONLY, *PUBLIC} | {"raw_body"}):
        op.execute(f"GRANT {ALL} ON {table} TO {SERVICE}")
    op.execute(f"REVOKE INSERT, UPDATE, DELETE ON boundary_layer, division, alembic_version FROM {SERVICE}")
    op.execute(f"REVOKE DELETE ON legal_hold FROM {SERVICE}")
    op.execute(f"REVOKE UPDATE, DELETE ON retention_log FROM {SERVICE}")
    op.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {', '.join(sorted(SEQUENCES))}")
    op.execute(f"GRANT SELECT ON case_asset_position TO {LESSOR}, {GRANTEE}, {SERVICE}")
    op.execute(f"GRANT SELECT ON device_heard TO {LESSOR}, {ADMINISTRATOR}, {SERVICE}")
    op.execute(f"GRANT SELECT ON held_asset, lower_court TO {SERVICE}")
    op.execute(f"GRANT EXECUTE ON FUNCTION ping_partition_ensure(date) TO {WRITER}, {SERVICE}")
    op.execute(f"GRANT EXECUTE ON FUNCTION ping_partition_drop(date, timestamptz) TO {SERVICE}")


def downgrade() -> None:
    """Take it all back; a key that would become stronger is revoked, or narrowed to pings where it may post them."""
    tables = sorted({table for table, *_ in POLICIES} | {*SERVICES_ONLY, *PUBLIC} | {"raw_body"})
    for table, role, *_ in POLICIES:
        op.execute(f"DROP POLICY {role.removeprefix('leasetrace_')} ON {table}")
    for table in PUBLIC:
        for role in (LESSOR, GRANTEE, AUDITOR, ADMINISTRATOR, WRITER):
            op.execute(f"DROP POLICY {role.removeprefix('leasetrace_')} ON {table}")
    for table in tables:
        op.execute(f"DROP POLICY service ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP POLICY service ON ping_default")
    _on_partitions("DISABLE")
    _edit_ensure(f"{ENABLE_ON_PARTITION}\n            ", "")
    for what in ("TABLES", "SEQUENCES", "FUNCTIONS"):
        op.execute(f"REVOKE ALL ON ALL {what} IN SCHEMA public FROM {EVERYBODY}")
    op.execute(f"REVOKE USAGE ON SCHEMA public FROM {EVERYBODY}")
    for trigger in TRIGGERS:
        op.execute(f"ALTER FUNCTION {trigger} SECURITY INVOKER")
    for name, *_ in (*reversed(OWNERS_FUNCTIONS), *reversed(FUNCTIONS)):
        op.execute(f"DROP FUNCTION {name}")
    op.execute("DROP INDEX access_grant_beyond_idx")
    op.execute("ALTER TABLE aemp_source DROP CONSTRAINT aemp_source_lessor_id_feed_id_fkey")
    op.execute("ALTER TABLE feed DROP CONSTRAINT feed_lessor_id_feed_id_key")
    op.execute("ALTER TABLE access_grant DROP COLUMN through_kind, DROP COLUMN through_id")
    op.execute("DROP VIEW lower_court")
    op.execute("ALTER TABLE api_key ADD COLUMN post_only boolean NOT NULL DEFAULT false")
    op.execute("""
        UPDATE api_key k SET post_only = true FROM principal p
        WHERE p.principal_id = k.principal_id
          AND (p.role = 'lessor_feed' AND k.scopes IS NULL
               OR p.role IN ('lessor_feed', 'lessor_manager') AND 'pings:post' = ANY (k.scopes))""")
    op.execute("""
        UPDATE api_key k SET revoked_at = coalesce(k.revoked_at, now()) FROM principal p
        WHERE p.principal_id = k.principal_id AND NOT k.post_only
          AND (k.scopes IS NOT NULL OR p.role IN ('lessor_reader', 'court_administrator', 'crew', 'auditor'))""")
    op.execute("ALTER TABLE api_key DROP COLUMN scopes, DROP COLUMN last_used_at")
    op.execute("ALTER TABLE principal DROP CONSTRAINT principal_role_check, DROP CONSTRAINT principal_subject_check")
    op.execute("""
        UPDATE principal SET role = CASE WHEN role LIKE 'lessor\\_%' THEN 'lessor' WHEN role = 'platform_administrator'
            THEN 'administrator' WHEN role IN ('enforcement_officer', 'court_administrator') THEN 'court'
            ELSE 'dispatcher' END""")
    op.execute("ALTER TABLE principal RENAME COLUMN role TO kind")
    op.execute("""
        ALTER TABLE principal
            ADD CONSTRAINT principal_kind_check CHECK (kind IN ('lessor', 'court', 'dispatcher', 'administrator')),
            ADD CONSTRAINT principal_subject_check
                CHECK ((subject_id IS NOT NULL) = (kind IN ('lessor', 'court')))""")
