-- Tables of the room access: who may see what. State of revision 0001; later changes are revisions of their own.

-- A principal acts: a person, or a program with a key. It acts for a lessor, for a court, or for neither.
CREATE TABLE principal (
    principal_id  integer GENERATED ALWAYS AS IDENTITY CONSTRAINT principal_pkey PRIMARY KEY,
    role          text NOT NULL,
    subject_id    integer,          -- lessor_id or court_id, by the role
    name          text NOT NULL,
    created_at    timestamptz NOT NULL,
    CONSTRAINT principal_role_check CHECK (role IN
        ('lessor_feed', 'lessor_reader', 'lessor_manager', 'enforcement_officer', 'court_administrator',
         'dispatcher', 'crew', 'auditor', 'platform_administrator')),
    CONSTRAINT principal_subject_check CHECK ((subject_id IS NOT NULL) = (role IN
        ('lessor_feed', 'lessor_reader', 'lessor_manager', 'enforcement_officer', 'court_administrator')))
);

-- A grant: a court or a principal may see an asset in a case, on a ground, for a period.
CREATE TABLE access_grant (
    grant_id      bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT access_grant_pkey PRIMARY KEY,
    grantee_kind  text NOT NULL,
    grantee_id    integer NOT NULL, -- court_id, or principal_id of a dispatcher
    case_id       integer NOT NULL,
    asset_id      integer NOT NULL,
    ground        text NOT NULL,
    valid_from    timestamptz NOT NULL,
    valid_until   timestamptz,      -- exclusive
    granted_by    integer NOT NULL CONSTRAINT access_grant_granted_by_fkey REFERENCES principal,
    through_kind  text,             -- the grantee who passed its own right on, for a mission
    through_id    integer,
    ground_id     integer,          -- the entrustment, assignment or mission; NULL for a case
    CONSTRAINT access_grant_grantee_kind_check CHECK (grantee_kind IN ('court', 'principal')),
    CONSTRAINT access_grant_ground_check CHECK (ground IN ('case', 'entrustment', 'assignment', 'mission')),
    CONSTRAINT access_grant_valid_check CHECK (valid_until IS NULL OR valid_until >= valid_from),
    CONSTRAINT access_grant_through_check CHECK (num_nulls(through_kind, through_id) <> 1),
    CONSTRAINT access_grant_mission_check CHECK ((ground = 'mission') = (through_kind IS NOT NULL))
);
CREATE INDEX access_grant_grantee_idx
    ON access_grant (grantee_kind, grantee_id, case_id) INCLUDE (asset_id, valid_from, valid_until);
-- Grants beyond a court's own cases are few, and every check of visibility reads them.
CREATE INDEX access_grant_beyond_idx ON access_grant (grantee_kind, grantee_id) WHERE ground <> 'case';
CREATE INDEX access_grant_case_id_asset_id_idx ON access_grant (case_id, asset_id);
CREATE INDEX access_grant_asset_id_idx ON access_grant (asset_id);

-- Tells every process of a principal that changed: see functions/access_changed.sql.
CREATE TRIGGER access_changed AFTER UPDATE OF role, subject_id, name OR DELETE ON principal
    FOR EACH ROW EXECUTE FUNCTION access_changed('principal_id');
