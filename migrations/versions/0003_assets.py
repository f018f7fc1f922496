"""What is leased and what tracks it: lessors, assets, devices, device bindings."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of the room `assets`."""
    op.execute("""
        CREATE TABLE lessor (
            lessor_id   integer GENERATED ALWAYS AS IDENTITY CONSTRAINT lessor_pkey PRIMARY KEY,
            code        text NOT NULL CONSTRAINT lessor_code_key UNIQUE,
            name        text NOT NULL,
            credit_code text,               -- unified social credit code, 18 characters
            created_at  timestamptz NOT NULL,
            fleet_version bigint NOT NULL DEFAULT 0 -- counts changes of its devices and bindings: see fleet_changed()
        )""")
    op.execute("""
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
        )""")
    op.execute("""
        CREATE TABLE device (
            device_id  integer GENERATED ALWAYS AS IDENTITY CONSTRAINT device_pkey PRIMARY KEY,
            lessor_id  integer NOT NULL CONSTRAINT device_lessor_id_fkey REFERENCES lessor,
            identifier text NOT NULL,       -- IMEI, terminal phone number or serial, as the feed sends it
            kind       text NOT NULL,
            make       text,
            model      text,
            created_at timestamptz NOT NULL,
            CONSTRAINT device_lessor_id_device_id_key UNIQUE (lessor_id, device_id),
            CONSTRAINT device_lessor_id_identifier_key UNIQUE (lessor_id, identifier),
            CONSTRAINT device_kind_check CHECK (kind IN ('wired', 'wireless', 'built_in'))
        )""")
    op.execute("""
        CREATE TABLE device_binding (
            binding_id  integer GENERATED ALWAYS AS IDENTITY CONSTRAINT device_binding_pkey PRIMARY KEY,
            lessor_id   integer NOT NULL,
            device_id   integer NOT NULL,
            asset_id    integer NOT NULL,
            bound_from  timestamptz NOT NULL,
            bound_until timestamptz,
            CONSTRAINT device_binding_lessor_id_device_id_fkey
                FOREIGN KEY (lessor_id, device_id) REFERENCES device (lessor_id, device_id),
            CONSTRAINT device_binding_lessor_id_asset_id_fkey
                FOREIGN KEY (lessor_id, asset_id) REFERENCES asset (lessor_id, asset_id),
            CONSTRAINT device_binding_period_check CHECK (bound_until > bound_from),
            CONSTRAINT device_binding_overlap_excl
                EXCLUDE USING gist (device_id WITH =, tstzrange(bound_from, bound_until) WITH &&)
        )""")
    op.execute("CREATE INDEX device_binding_asset_id_idx ON device_binding (asset_id)")
    op.execute("CREATE INDEX device_binding_lessor_id_device_id_idx ON device_binding (lessor_id, device_id)")
    # The ping path keeps each lessor's devices and bindings in memory, in every process. This number, raised in the
    # transaction of the change, tells all of them that theirs is old.
    op.execute("""
        CREATE FUNCTION fleet_changed() RETURNS trigger
        LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
        BEGIN
            UPDATE lessor SET fleet_version = fleet_version + 1
            WHERE lessor_id IN (SELECT lessor_id FROM changed);
            RETURN NULL;
        END $$""")
    for table in ("device", "device_binding"):
        for event, seen in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            op.execute(f"""
                CREATE TRIGGER {table}_{event.lower()}_{seen.lower()} AFTER {event} ON {table}
                REFERENCING {seen} TABLE AS changed
                FOR EACH STATEMENT EXECUTE FUNCTION fleet_changed()""")


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP TABLE device_binding, device, asset, lessor")
    op.execute("DROP FUNCTION fleet_changed()")
