-- Tables of the room assets: lessors, leased assets, devices and their bindings.
-- State of revision 0001; later changes are revisions of their own.

-- A leasing company.
CREATE TABLE lessor (
    lessor_id     integer GENERATED ALWAYS AS IDENTITY CONSTRAINT lessor_pkey PRIMARY KEY,
    code          text NOT NULL CONSTRAINT lessor_code_key UNIQUE,
    name          text NOT NULL,
    credit_code   text,                     -- unified social credit code, 18 characters
    created_at    timestamptz NOT NULL,
    fleet_version bigint NOT NULL DEFAULT 0 -- raised by each change of its devices and bindings: see fleet_changed()
);

-- A leased asset.
CREATE TABLE asset (
    asset_id                integer GENERATED ALWAYS AS IDENTITY CONSTRAINT asset_pkey PRIMARY KEY,
    lessor_id               integer NOT NULL CONSTRAINT asset_lessor_id_fkey REFERENCES lessor,
    asset_type              text NOT NULL,
    kind                    text NOT NULL,
    make                    text,
    model                   text,
    plate_no                text,
    plate_colour            text,
    vin                     text,
    serial_no               text,
    engine_no               text,
    lease_contract_no       text NOT NULL,
    purchase_contract_no    text,
    registration_no         text,
    lessee_name             text,
    registered_owner        text,
    estimated_value_yuan    numeric(14, 2),
    valued_on               date,
    essential_to_production boolean NOT NULL DEFAULT false,
    created_at              timestamptz NOT NULL,
    changed_at              timestamptz NOT NULL,
    CONSTRAINT asset_lessor_id_asset_id_key UNIQUE (lessor_id, asset_id),
    CONSTRAINT asset_lessor_id_plate_no_key UNIQUE (lessor_id, plate_no),
    CONSTRAINT asset_lessor_id_vin_key UNIQUE (lessor_id, vin),
    CONSTRAINT asset_lessor_id_serial_no_key UNIQUE (lessor_id, serial_no),
    CONSTRAINT asset_identified_check CHECK (num_nonnulls(plate_no, vin, serial_no) > 0),
    CONSTRAINT asset_value_check CHECK (estimated_value_yuan >= 0),
    CONSTRAINT asset_asset_type_check CHECK (asset_type IN
        ('vehicle', 'construction_machinery', 'medical_device', 'production_equipment'))
);

-- A tracking device.
CREATE TABLE device (
    device_id     integer GENERATED ALWAYS AS IDENTITY CONSTRAINT device_pkey PRIMARY KEY,
    lessor_id     integer NOT NULL CONSTRAINT device_lessor_id_fkey REFERENCES lessor,
    identifier    text NOT NULL,       -- IMEI, terminal phone number or serial number, as the feed sends it
    kind          text NOT NULL,
    make          text,
    model         text,
    created_at    timestamptz NOT NULL,
    datum_suspect boolean NOT NULL DEFAULT false, -- its coordinates may be in another datum than declared
    CONSTRAINT device_lessor_id_device_id_key UNIQUE (lessor_id, device_id),
    CONSTRAINT device_lessor_id_identifier_key UNIQUE (lessor_id, identifier),
    CONSTRAINT device_kind_check CHECK (kind IN ('wired', 'wireless', 'built_in'))
);
CREATE INDEX device_datum_suspect_idx ON device (device_id) WHERE datum_suspect;

-- A period in which a device is fixed to an asset.
CREATE TABLE device_binding (
    binding_id  integer GENERATED ALWAYS AS IDENTITY CONSTRAINT device_binding_pkey PRIMARY KEY,
    lessor_id   integer NOT NULL,
    device_id   integer NOT NULL,
    asset_id    integer NOT NULL,
    bound_from  timestamptz NOT NULL,
    bound_until timestamptz,            -- exclusive
    CONSTRAINT device_binding_lessor_id_device_id_fkey
        FOREIGN KEY (lessor_id, device_id) REFERENCES device (lessor_id, device_id),
    CONSTRAINT device_binding_lessor_id_asset_id_fkey
        FOREIGN KEY (lessor_id, asset_id) REFERENCES asset (lessor_id, asset_id),
    CONSTRAINT device_binding_period_check CHECK (bound_until > bound_from),
    CONSTRAINT device_binding_overlap_excl
        EXCLUDE USING gist (device_id WITH =, tstzrange(bound_from, bound_until) WITH &&)
);
CREATE INDEX device_binding_asset_id_idx ON device_binding (asset_id);
CREATE INDEX device_binding_lessor_id_device_id_idx ON device_binding (lessor_id, device_id);

-- A queue: a period of a device whose binding was made, changed or removed. The worker assigns its pings again.
CREATE TABLE binding_change (
    binding_change_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT binding_change_pkey PRIMARY KEY,
    device_id         integer NOT NULL,
    asset_id          integer NOT NULL,     -- of that binding
    lessor_id         integer NOT NULL,
    from_at           timestamptz NOT NULL,
    until_at          timestamptz NOT NULL  -- exclusive; 'infinity' for a binding without end
);
CREATE INDEX binding_change_device_id_idx ON binding_change (device_id);

-- The ping path caches each lessor's devices and bindings in every process: see functions/fleet_changed.sql.
CREATE TRIGGER device_insert_new AFTER INSERT ON device
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION fleet_changed();
CREATE TRIGGER device_update_old AFTER UPDATE ON device
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION fleet_changed();
CREATE TRIGGER device_update_new AFTER UPDATE ON device
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION fleet_changed();
CREATE TRIGGER device_delete_old AFTER DELETE ON device
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION fleet_changed();
CREATE TRIGGER device_binding_insert_new AFTER INSERT ON device_binding
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION fleet_changed();
CREATE TRIGGER device_binding_update_old AFTER UPDATE ON device_binding
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION fleet_changed();
CREATE TRIGGER device_binding_update_new AFTER UPDATE ON device_binding
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION fleet_changed();
CREATE TRIGGER device_binding_delete_old AFTER DELETE ON device_binding
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION fleet_changed();

-- Fill binding_change: see functions/binding_changed.sql.
CREATE TRIGGER device_binding_changed_by_insert AFTER INSERT ON device_binding
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION binding_changed();
CREATE TRIGGER device_binding_changed_by_update AFTER UPDATE ON device_binding
    REFERENCING OLD TABLE AS was NEW TABLE AS now_so FOR EACH STATEMENT EXECUTE FUNCTION binding_changed();
CREATE TRIGGER device_binding_changed_by_delete AFTER DELETE ON device_binding
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION binding_changed();

-- A yard of a lessor, where its assets are kept.
CREATE TABLE depot (
    depot_id   integer GENERATED ALWAYS AS IDENTITY CONSTRAINT depot_pkey PRIMARY KEY,
    lessor_id  integer NOT NULL CONSTRAINT depot_lessor_id_fkey REFERENCES lessor,
    name       text NOT NULL,
    lon_e7     integer NOT NULL,  -- WGS-84 degrees times 10,000,000
    lat_e7     integer NOT NULL,
    radius_m   real NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT depot_lessor_id_name_key UNIQUE (lessor_id, name),
    CONSTRAINT depot_radius_check CHECK (radius_m > 0)
);

-- An asset that its lessor transferred to another owner.
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
);
CREATE INDEX asset_transfer_from_lessor_id_idx ON asset_transfer (from_lessor_id);
