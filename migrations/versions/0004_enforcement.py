"""What a court does: cases, the assets offered and confirmed, seizure measures, planning assignments."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of the room `enforcement`."""
    op.execute("""
        CREATE TABLE enforcement_case (
            case_id             integer GENERATED ALWAYS AS IDENTITY CONSTRAINT enforcement_case_pkey PRIMARY KEY,
            case_number         text NOT NULL CONSTRAINT enforcement_case_case_number_key UNIQUE,
            court_id            integer NOT NULL CONSTRAINT enforcement_case_court_id_fkey REFERENCES court,
            applicant_lessor_id integer NOT NULL
                                CONSTRAINT enforcement_case_applicant_lessor_id_fkey REFERENCES lessor,
            judgment_debtor     text NOT NULL,
            claim_mode          text NOT NULL,
            claim_yuan          numeric(16, 2),
            phase               text NOT NULL,
            basis_number        text,
            opened_on           date NOT NULL,
            closed_on           date,
            created_at          timestamptz NOT NULL,
            CONSTRAINT enforcement_case_claim_mode_check CHECK (claim_mode IN ('money', 'delivery')),
            CONSTRAINT enforcement_case_phase_check CHECK (phase IN
                ('preservation', 'enforcement', 'resumed', 'concluded_no_property', 'closed')),
            CONSTRAINT enforcement_case_closed_check CHECK (closed_on >= opened_on),
            CONSTRAINT enforcement_case_ended_check
                CHECK ((closed_on IS NOT NULL) = (phase IN ('concluded_no_property', 'closed')))
        )""")
    op.execute("CREATE INDEX enforcement_case_court_id_idx ON enforcement_case (court_id)")
    op.execute("CREATE INDEX enforcement_case_applicant_lessor_id_idx ON enforcement_case (applicant_lessor_id)")
    op.execute("""
        CREATE TABLE case_asset (
            case_id      integer NOT NULL CONSTRAINT case_asset_case_id_fkey REFERENCES enforcement_case,
            asset_id     integer NOT NULL CONSTRAINT case_asset_asset_id_fkey REFERENCES asset,
            offered_at   timestamptz NOT NULL,
            offered_by   integer NOT NULL CONSTRAINT case_asset_offered_by_fkey REFERENCES principal,
            confirmed_at timestamptz,
            confirmed_by integer CONSTRAINT case_asset_confirmed_by_fkey REFERENCES principal,
            matched_by   text,              -- the identifier by which the officer recognised it
            CONSTRAINT case_asset_pkey PRIMARY KEY (case_id, asset_id),
            CONSTRAINT case_asset_matched_by_check CHECK (matched_by IN
                ('vin', 'plate_no', 'serial_no', 'lease_contract_no')),
            CONSTRAINT case_asset_confirmed_check
                CHECK ((confirmed_at IS NULL) = (confirmed_by IS NULL) AND (confirmed_at IS NULL) = (matched_by IS NULL))
        )""")
    op.execute("CREATE INDEX case_asset_asset_id_idx ON case_asset (asset_id)")
    op.execute("""
        CREATE TABLE seizure_measure (
            measure_id  integer GENERATED ALWAYS AS IDENTITY CONSTRAINT seizure_measure_pkey PRIMARY KEY,
            case_id     integer NOT NULL,
            asset_id    integer NOT NULL,
            kind        text NOT NULL,
            rank        integer NOT NULL,   -- 1 is first; higher ranks wait (轮候查封)
            starts_on   date NOT NULL,
            ends_on     date NOT NULL,      -- the last day in force; movables two years at most (Civil Procedure Law interpretation, art. 485)
            released_on date,               -- the day from which it is lifted
            effective_on date,              -- the day on which a waiting seizure became the first (seizure provisions, art. 26)
            custodian   text,
            created_at  timestamptz NOT NULL,
            created_by  integer NOT NULL CONSTRAINT seizure_measure_created_by_fkey REFERENCES principal,
            CONSTRAINT seizure_measure_case_id_asset_id_fkey
                FOREIGN KEY (case_id, asset_id) REFERENCES case_asset (case_id, asset_id),
            CONSTRAINT seizure_measure_kind_check CHECK (kind IN
                ('register_seizure', 'physical_detention', 'living_seizure')),
            CONSTRAINT seizure_measure_rank_check CHECK (rank >= 1),
            CONSTRAINT seizure_measure_term_check CHECK (ends_on >= starts_on),
            CONSTRAINT seizure_measure_overlap_excl
                EXCLUDE USING gist (case_id WITH =, asset_id WITH =, kind WITH =,
                                    daterange(starts_on, ends_on, '[]') WITH &&) WHERE (released_on IS NULL)
        )""")
    op.execute("CREATE INDEX seizure_measure_case_id_idx ON seizure_measure (case_id)")
    op.execute("CREATE INDEX seizure_measure_asset_id_idx ON seizure_measure (asset_id)")
    op.execute("""
        CREATE TABLE seizure_renewal (
            renewal_id       integer GENERATED ALWAYS AS IDENTITY CONSTRAINT seizure_renewal_pkey PRIMARY KEY,
            measure_id       integer NOT NULL CONSTRAINT seizure_renewal_measure_id_fkey REFERENCES seizure_measure,
            previous_ends_on date NOT NULL,
            ends_on          date NOT NULL,
            renewed_at       timestamptz NOT NULL,
            renewed_by       integer NOT NULL CONSTRAINT seizure_renewal_renewed_by_fkey REFERENCES principal,
            CONSTRAINT seizure_renewal_term_check CHECK (ends_on > previous_ends_on)
        )""")
    op.execute("CREATE INDEX seizure_renewal_measure_id_idx ON seizure_renewal (measure_id)")
    op.execute("""
        CREATE TABLE planning_assignment (
            assignment_id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT planning_assignment_pkey PRIMARY KEY,
            case_id       integer NOT NULL CONSTRAINT planning_assignment_case_id_fkey REFERENCES enforcement_case,
            dispatcher_id integer NOT NULL CONSTRAINT planning_assignment_dispatcher_id_fkey REFERENCES principal,
            starts_at     timestamptz NOT NULL,
            ends_at       timestamptz NOT NULL,
            given_by      integer NOT NULL CONSTRAINT planning_assignment_given_by_fkey REFERENCES principal,
            given_at      timestamptz NOT NULL,
            CONSTRAINT planning_assignment_period_check CHECK (ends_at > starts_at)
        )""")
    op.execute("CREATE INDEX planning_assignment_case_id_idx ON planning_assignment (case_id)")
    op.execute("CREATE INDEX planning_assignment_dispatcher_id_idx ON planning_assignment (dispatcher_id)")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE planning_assignment, seizure_renewal, seizure_measure, case_asset, enforcement_case")
