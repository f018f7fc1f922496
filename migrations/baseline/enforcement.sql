-- Tables of the room enforcement: cases, their assets, seizure measures, entrustments, assignments, legal holds.
-- State of revision 0001; later changes are revisions of their own.

-- A case of enforcement.
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
);
CREATE INDEX enforcement_case_court_id_idx ON enforcement_case (court_id);
CREATE INDEX enforcement_case_applicant_lessor_id_idx ON enforcement_case (applicant_lessor_id);

-- An asset that the applicant offered in a case; confirmed by the court's officer or not yet.
CREATE TABLE case_asset (
    case_id      integer NOT NULL CONSTRAINT case_asset_case_id_fkey REFERENCES enforcement_case,
    asset_id     integer NOT NULL CONSTRAINT case_asset_asset_id_fkey REFERENCES asset,
    offered_at   timestamptz NOT NULL,
    offered_by   integer NOT NULL CONSTRAINT case_asset_offered_by_fkey REFERENCES principal,
    confirmed_at timestamptz,
    confirmed_by integer CONSTRAINT case_asset_confirmed_by_fkey REFERENCES principal,
    matched_by   text,              -- the identifier by which the officer confirmed it
    CONSTRAINT case_asset_pkey PRIMARY KEY (case_id, asset_id),
    CONSTRAINT case_asset_matched_by_check CHECK (matched_by IN
        ('vin', 'plate_no', 'serial_no', 'lease_contract_no')),
    CONSTRAINT case_asset_confirmed_check
        CHECK ((confirmed_at IS NULL) = (confirmed_by IS NULL) AND (confirmed_at IS NULL) = (matched_by IS NULL))
);
CREATE INDEX case_asset_asset_id_idx ON case_asset (asset_id);

-- A seizure measure on an asset of a case.
CREATE TABLE seizure_measure (
    measure_id   integer GENERATED ALWAYS AS IDENTITY CONSTRAINT seizure_measure_pkey PRIMARY KEY,
    case_id      integer NOT NULL,
    asset_id     integer NOT NULL,
    kind         text NOT NULL,
    rank         integer NOT NULL,   -- 1 is first; higher ranks wait (轮候查封)
    starts_on    date NOT NULL,
    -- The last day in force. Two years at most for movables (Civil Procedure Law interpretation, art. 485).
    ends_on      date NOT NULL,
    released_on  date,               -- the day from which it is lifted
    effective_on date,               -- the day a waiting seizure became the first (seizure provisions, art. 26)
    custodian    text,
    created_at   timestamptz NOT NULL,
    created_by   integer NOT NULL CONSTRAINT seizure_measure_created_by_fkey REFERENCES principal,
    CONSTRAINT seizure_measure_case_id_asset_id_fkey
        FOREIGN KEY (case_id, asset_id) REFERENCES case_asset (case_id, asset_id),
    CONSTRAINT seizure_measure_kind_check CHECK (kind IN
        ('register_seizure', 'physical_detention', 'living_seizure')),
    CONSTRAINT seizure_measure_rank_check CHECK (rank >= 1),
    CONSTRAINT seizure_measure_term_check CHECK (ends_on >= starts_on),
    CONSTRAINT seizure_measure_overlap_excl
        EXCLUDE USING gist (case_id WITH =, asset_id WITH =, kind WITH =,
                            daterange(starts_on, ends_on, '[]') WITH &&) WHERE (released_on IS NULL)
);
CREATE INDEX seizure_measure_case_id_idx ON seizure_measure (case_id);
CREATE INDEX seizure_measure_asset_id_idx ON seizure_measure (asset_id);

-- A renewal of a measure.
CREATE TABLE seizure_renewal (
    renewal_id       integer GENERATED ALWAYS AS IDENTITY CONSTRAINT seizure_renewal_pkey PRIMARY KEY,
    measure_id       integer NOT NULL CONSTRAINT seizure_renewal_measure_id_fkey REFERENCES seizure_measure,
    previous_ends_on date NOT NULL,
    ends_on          date NOT NULL,
    renewed_at       timestamptz NOT NULL,
    renewed_by       integer NOT NULL CONSTRAINT seizure_renewal_renewed_by_fkey REFERENCES principal,
    CONSTRAINT seizure_renewal_term_check CHECK (ends_on > previous_ends_on)
);
CREATE INDEX seizure_renewal_measure_id_idx ON seizure_renewal (measure_id);

-- A planning assignment: a dispatcher plans for a case for a period.
CREATE TABLE planning_assignment (
    assignment_id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT planning_assignment_pkey PRIMARY KEY,
    case_id       integer NOT NULL CONSTRAINT planning_assignment_case_id_fkey REFERENCES enforcement_case,
    dispatcher_id integer NOT NULL CONSTRAINT planning_assignment_dispatcher_id_fkey REFERENCES principal,
    starts_at     timestamptz NOT NULL,
    ends_at       timestamptz NOT NULL,
    given_by      integer NOT NULL CONSTRAINT planning_assignment_given_by_fkey REFERENCES principal,
    given_at      timestamptz NOT NULL,
    CONSTRAINT planning_assignment_period_check CHECK (ends_at > starts_at)
);
CREATE INDEX planning_assignment_case_id_idx ON planning_assignment (case_id);
CREATE INDEX planning_assignment_dispatcher_id_idx ON planning_assignment (dispatcher_id);

-- An entrustment: another court acts in a case for a period.
CREATE TABLE entrustment (
    entrustment_id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT entrustment_pkey PRIMARY KEY,
    case_id        integer NOT NULL CONSTRAINT entrustment_case_id_fkey REFERENCES enforcement_case,
    court_id       integer NOT NULL CONSTRAINT entrustment_court_id_fkey REFERENCES court, -- the entrusted court
    kind           text NOT NULL,      -- the case (委托执行), or a single matter (事项委托)
    matters        text NOT NULL,
    letter_number  text NOT NULL,
    asset_ids      integer[],          -- NULL: all of the case, including those confirmed later
    starts_at      timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL,
    given_by       integer NOT NULL CONSTRAINT entrustment_given_by_fkey REFERENCES principal,
    given_at       timestamptz NOT NULL,
    withdrawn_at   timestamptz,
    withdrawn_by   integer CONSTRAINT entrustment_withdrawn_by_fkey REFERENCES principal,
    CONSTRAINT entrustment_kind_check CHECK (kind IN ('case', 'matter')),
    CONSTRAINT entrustment_period_check CHECK (ends_at > starts_at),
    CONSTRAINT entrustment_withdrawn_check CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL))
);
CREATE INDEX entrustment_case_id_idx ON entrustment (case_id);
CREATE INDEX entrustment_court_id_idx ON entrustment (court_id);

-- A legal hold: retention keeps the data of an asset, or of every confirmed asset of a case.
CREATE TABLE legal_hold (
    hold_id   integer GENERATED ALWAYS AS IDENTITY CONSTRAINT legal_hold_pkey PRIMARY KEY,
    asset_id  integer CONSTRAINT legal_hold_asset_id_fkey REFERENCES asset,           -- NULL: the whole case
    case_id   integer CONSTRAINT legal_hold_case_id_fkey REFERENCES enforcement_case,
    reason    text NOT NULL,
    from_at   timestamptz NOT NULL,
    until_at  timestamptz,            -- when it was released
    placed_by integer NOT NULL CONSTRAINT legal_hold_placed_by_fkey REFERENCES principal,
    CONSTRAINT legal_hold_period_check CHECK (until_at >= from_at),
    CONSTRAINT legal_hold_what_check CHECK (asset_id IS NOT NULL OR case_id IS NOT NULL)
);
CREATE INDEX legal_hold_asset_id_idx ON legal_hold (asset_id);
CREATE INDEX legal_hold_case_id_idx ON legal_hold (case_id);
CREATE UNIQUE INDEX legal_hold_case_wide_idx ON legal_hold (case_id) WHERE asset_id IS NULL AND until_at IS NULL;
