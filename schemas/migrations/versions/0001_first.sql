-- Written from schemas/tables by `python -m schemas.migrations.draft`; do not edit by hand.
CREATE SCHEMA directory;

CREATE SCHEMA landing;

CREATE SCHEMA library;

CREATE SCHEMA exchange;

CREATE SCHEMA evidence;

CREATE SCHEMA operations;

CREATE TABLE directory.departments (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	short_name TEXT NOT NULL, 
	former_names TEXT[] DEFAULT '{}' NOT NULL, 
	uscc TEXT, 
	division_code TEXT, 
	parent_id TEXT, 
	sharing_office TEXT, 
	contact JSONB DEFAULT '{}' NOT NULL, 
	CONSTRAINT pk_departments PRIMARY KEY (id), 
	CONSTRAINT uq_departments_uscc UNIQUE (uscc), 
	CONSTRAINT fk_departments_parent_id FOREIGN KEY(parent_id) REFERENCES directory.departments (id)
);

CREATE TABLE directory.calendar_days (
	day DATE NOT NULL, 
	is_working BOOLEAN NOT NULL, 
	source TEXT NOT NULL, 
	CONSTRAINT pk_calendar_days PRIMARY KEY (day)
);

CREATE TABLE directory.deadline_rules (
	key TEXT NOT NULL, 
	jurisdiction TEXT NOT NULL, 
	effective_from DATE NOT NULL, 
	effective_to DATE, 
	day_type TEXT DEFAULT 'working' NOT NULL, 
	days BIGINT NOT NULL, 
	extension_days BIGINT DEFAULT '0' NOT NULL, 
	extension_approver TEXT, 
	basis TEXT NOT NULL, 
	is_confirmed BOOLEAN DEFAULT false NOT NULL, 
	CONSTRAINT pk_deadline_rules PRIMARY KEY (key, jurisdiction, effective_from)
);

CREATE TABLE evidence.signing_keys (
	keyid TEXT NOT NULL, 
	algorithm TEXT NOT NULL, 
	public_jwk JSONB NOT NULL, 
	state TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	not_before TIMESTAMP WITH TIME ZONE, 
	not_after TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_signing_keys PRIMARY KEY (keyid), 
	CONSTRAINT ck_signing_keys_state CHECK (state IN ('next', 'active', 'retired', 'revoked'))
);

COMMENT ON COLUMN evidence.signing_keys.not_before IS 'First moment of use; none while the key is next.';

COMMENT ON COLUMN evidence.signing_keys.not_after IS 'End of use, by retirement or revocation.';

CREATE OR REPLACE FUNCTION exchange.tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('hutong_changes', TG_TABLE_NAME); RETURN NULL; END $$;

CREATE OR REPLACE TRIGGER tell_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON evidence.signing_keys
FOR EACH STATEMENT EXECUTE FUNCTION exchange.tell_change();

CREATE TABLE evidence.entries (
	id UUID NOT NULL, 
	at TIMESTAMP WITH TIME ZONE NOT NULL, 
	kind TEXT NOT NULL, 
	application_id TEXT, 
	keyid TEXT, 
	nonce TEXT, 
	request_id TEXT, 
	grant_id TEXT, 
	library TEXT, 
	status SMALLINT, 
	code TEXT, 
	document BYTEA NOT NULL, 
	leaf_hash BYTEA GENERATED ALWAYS AS (sha256('\x00'::bytea || document)) STORED NOT NULL, 
	CONSTRAINT pk_entries PRIMARY KEY (id), 
	CONSTRAINT uq_entries_keyid_nonce UNIQUE (keyid, nonce)
);

CREATE INDEX ix_entries_request_id ON evidence.entries (request_id);

CREATE INDEX ix_entries_grant_id ON evidence.entries (grant_id);

CREATE UNIQUE INDEX uq_entries_keyid_request_id ON evidence.entries (keyid, request_id) WHERE kind = 'answer' AND code IS NULL;

COMMENT ON COLUMN evidence.entries.id IS 'Receipt id, UUID version 7.';

COMMENT ON COLUMN evidence.entries.nonce IS 'Set only when the signature was good: the replay guard.';

COMMENT ON COLUMN evidence.entries.leaf_hash IS 'RFC 6962 leaf hash.';

CREATE OR REPLACE FUNCTION evidence.forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'evidence.% is insert-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$;

CREATE OR REPLACE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence.entries
FOR EACH STATEMENT EXECUTE FUNCTION evidence.forbid_change();

CREATE OR REPLACE FUNCTION evidence.queue_entries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN INSERT INTO evidence.pending (entry_id, leaf_hash) SELECT id, leaf_hash FROM added ORDER BY id; RETURN NULL; END $$;

CREATE OR REPLACE TRIGGER queue_entries AFTER INSERT ON evidence.entries REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION evidence.queue_entries();

CREATE TABLE evidence.pending (
	position BIGINT GENERATED ALWAYS AS IDENTITY, 
	entry_id UUID NOT NULL, 
	leaf_hash BYTEA NOT NULL, 
	CONSTRAINT pk_pending PRIMARY KEY (position)
);

CREATE TABLE evidence.leaves (
	index BIGINT NOT NULL, 
	entry_id UUID NOT NULL, 
	leaf_hash BYTEA NOT NULL, 
	CONSTRAINT pk_leaves PRIMARY KEY (index), 
	CONSTRAINT uq_leaves_entry_id UNIQUE (entry_id)
);

CREATE OR REPLACE FUNCTION evidence.forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'evidence.% is insert-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$;

CREATE OR REPLACE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence.leaves
FOR EACH STATEMENT EXECUTE FUNCTION evidence.forbid_change();

CREATE TABLE evidence.tiles (
	level SMALLINT NOT NULL, 
	index BIGINT NOT NULL, 
	hashes BYTEA NOT NULL, 
	CONSTRAINT pk_tiles PRIMARY KEY (level, index)
);

CREATE TABLE evidence.checkpoints (
	size BIGINT NOT NULL, 
	root BYTEA NOT NULL, 
	keyid TEXT NOT NULL, 
	signed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	note TEXT NOT NULL, 
	CONSTRAINT pk_checkpoints PRIMARY KEY (size)
);

COMMENT ON COLUMN evidence.checkpoints.note IS 'The signed note, verbatim.';

CREATE OR REPLACE FUNCTION evidence.forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'evidence.% is insert-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege'; END $$;

CREATE OR REPLACE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON evidence.checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION evidence.forbid_change();

CREATE TABLE library.population_claims (
	subject TEXT COLLATE "C" NOT NULL, 
	name TEXT, 
	sex TEXT, 
	ethnic_group TEXT, 
	birth_date DATE, 
	birth_place TEXT, 
	address TEXT, 
	residence_status TEXT, 
	marital_status TEXT, 
	marriage_date DATE, 
	education TEXT, 
	school TEXT, 
	insurance_status TEXT, 
	employer TEXT, 
	phone TEXT, 
	source SMALLINT NOT NULL, 
	row_hash BIGINT NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	batch INTEGER NOT NULL, 
	asserted_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_population_claims PRIMARY KEY (subject, source)
)
 WITH (fillfactor = 90);

CREATE TABLE library.population_past_claims (
	subject TEXT COLLATE "C" NOT NULL, 
	name TEXT, 
	sex TEXT, 
	ethnic_group TEXT, 
	birth_date DATE, 
	birth_place TEXT, 
	address TEXT, 
	residence_status TEXT, 
	marital_status TEXT, 
	marriage_date DATE, 
	education TEXT, 
	school TEXT, 
	insurance_status TEXT, 
	employer TEXT, 
	phone TEXT, 
	source SMALLINT NOT NULL, 
	row_hash BIGINT NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	batch INTEGER NOT NULL, 
	asserted_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	superseded_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	superseded_by_batch INTEGER NOT NULL
);

CREATE INDEX ix_population_past_claims_subject ON library.population_past_claims (subject);

CREATE TABLE library.population (
	subject TEXT COLLATE "C" NOT NULL, 
	name TEXT, 
	sex TEXT, 
	ethnic_group TEXT, 
	birth_date DATE, 
	birth_place TEXT, 
	address TEXT, 
	residence_status TEXT, 
	marital_status TEXT, 
	marriage_date DATE, 
	education TEXT, 
	school TEXT, 
	insurance_status TEXT, 
	employer TEXT, 
	phone TEXT, 
	sources SMALLINT[] NOT NULL, 
	batches INTEGER[] NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	CONSTRAINT pk_population PRIMARY KEY (subject)
)
 WITH (fillfactor = 90);

CREATE TABLE library.population_history (
	subject TEXT COLLATE "C" NOT NULL, 
	name TEXT, 
	sex TEXT, 
	ethnic_group TEXT, 
	birth_date DATE, 
	birth_place TEXT, 
	address TEXT, 
	residence_status TEXT, 
	marital_status TEXT, 
	marriage_date DATE, 
	education TEXT, 
	school TEXT, 
	insurance_status TEXT, 
	employer TEXT, 
	phone TEXT, 
	sources SMALLINT[] NOT NULL, 
	batches INTEGER[] NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	known_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	known_to TIMESTAMP WITH TIME ZONE NOT NULL
);

CREATE INDEX ix_population_history_subject ON library.population_history (subject);

CREATE TABLE library.legal_entity_claims (
	subject TEXT COLLATE "C" NOT NULL, 
	name TEXT, 
	entity_kind TEXT, 
	legal_representative TEXT, 
	representative_id TEXT, 
	address TEXT, 
	registered_capital NUMERIC, 
	established_date DATE, 
	scope TEXT, 
	industry TEXT, 
	registrar TEXT, 
	state TEXT, 
	source SMALLINT NOT NULL, 
	row_hash BIGINT NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	batch INTEGER NOT NULL, 
	asserted_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_legal_entity_claims PRIMARY KEY (subject, source)
)
 WITH (fillfactor = 90);

CREATE TABLE library.legal_entity_past_claims (
	subject TEXT COLLATE "C" NOT NULL, 
	name TEXT, 
	entity_kind TEXT, 
	legal_representative TEXT, 
	representative_id TEXT, 
	address TEXT, 
	registered_capital NUMERIC, 
	established_date DATE, 
	scope TEXT, 
	industry TEXT, 
	registrar TEXT, 
	state TEXT, 
	source SMALLINT NOT NULL, 
	row_hash BIGINT NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	batch INTEGER NOT NULL, 
	asserted_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	superseded_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	superseded_by_batch INTEGER NOT NULL
);

CREATE INDEX ix_legal_entity_past_claims_subject ON library.legal_entity_past_claims (subject);

CREATE TABLE library.legal_entity (
	subject TEXT COLLATE "C" NOT NULL, 
	name TEXT, 
	entity_kind TEXT, 
	legal_representative TEXT, 
	representative_id TEXT, 
	address TEXT, 
	registered_capital NUMERIC, 
	established_date DATE, 
	scope TEXT, 
	industry TEXT, 
	registrar TEXT, 
	state TEXT, 
	sources SMALLINT[] NOT NULL, 
	batches INTEGER[] NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	CONSTRAINT pk_legal_entity PRIMARY KEY (subject)
)
 WITH (fillfactor = 90);

CREATE TABLE library.legal_entity_history (
	subject TEXT COLLATE "C" NOT NULL, 
	name TEXT, 
	entity_kind TEXT, 
	legal_representative TEXT, 
	representative_id TEXT, 
	address TEXT, 
	registered_capital NUMERIC, 
	established_date DATE, 
	scope TEXT, 
	industry TEXT, 
	registrar TEXT, 
	state TEXT, 
	sources SMALLINT[] NOT NULL, 
	batches INTEGER[] NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	known_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	known_to TIMESTAMP WITH TIME ZONE NOT NULL
);

CREATE INDEX ix_legal_entity_history_subject ON library.legal_entity_history (subject);

CREATE TABLE library.credit_claims (
	entry TEXT COLLATE "C" NOT NULL, 
	subject TEXT COLLATE "C" NOT NULL, 
	entry_kind TEXT, 
	document_number TEXT, 
	subject_name TEXT, 
	title TEXT, 
	content TEXT, 
	fine_amount NUMERIC, 
	decision_date DATE, 
	valid_from DATE, 
	valid_until DATE, 
	authority TEXT, 
	state TEXT, 
	source SMALLINT NOT NULL, 
	row_hash BIGINT NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	batch INTEGER NOT NULL, 
	asserted_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_credit_claims PRIMARY KEY (entry, source)
)
 WITH (fillfactor = 90);

CREATE TABLE library.credit_past_claims (
	entry TEXT COLLATE "C" NOT NULL, 
	subject TEXT COLLATE "C" NOT NULL, 
	entry_kind TEXT, 
	document_number TEXT, 
	subject_name TEXT, 
	title TEXT, 
	content TEXT, 
	fine_amount NUMERIC, 
	decision_date DATE, 
	valid_from DATE, 
	valid_until DATE, 
	authority TEXT, 
	state TEXT, 
	source SMALLINT NOT NULL, 
	row_hash BIGINT NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	batch INTEGER NOT NULL, 
	asserted_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	superseded_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	superseded_by_batch INTEGER NOT NULL
);

CREATE INDEX ix_credit_past_claims_entry ON library.credit_past_claims (entry);

CREATE TABLE library.credit (
	entry TEXT COLLATE "C" NOT NULL, 
	subject TEXT COLLATE "C" NOT NULL, 
	entry_kind TEXT, 
	document_number TEXT, 
	subject_name TEXT, 
	title TEXT, 
	content TEXT, 
	fine_amount NUMERIC, 
	decision_date DATE, 
	valid_from DATE, 
	valid_until DATE, 
	authority TEXT, 
	state TEXT, 
	sources SMALLINT[] NOT NULL, 
	batches INTEGER[] NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	CONSTRAINT pk_credit PRIMARY KEY (entry)
)
 WITH (fillfactor = 90);

CREATE INDEX ix_credit_subject ON library.credit (subject);

CREATE TABLE library.credit_history (
	entry TEXT COLLATE "C" NOT NULL, 
	subject TEXT COLLATE "C" NOT NULL, 
	entry_kind TEXT, 
	document_number TEXT, 
	subject_name TEXT, 
	title TEXT, 
	content TEXT, 
	fine_amount NUMERIC, 
	decision_date DATE, 
	valid_from DATE, 
	valid_until DATE, 
	authority TEXT, 
	state TEXT, 
	sources SMALLINT[] NOT NULL, 
	batches INTEGER[] NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	known_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	known_to TIMESTAMP WITH TIME ZONE NOT NULL
);

CREATE INDEX ix_credit_history_entry ON library.credit_history (entry);

CREATE TABLE library.certificate_claims (
	entry TEXT COLLATE "C" NOT NULL, 
	subject TEXT COLLATE "C" NOT NULL, 
	certificate_identifier TEXT, 
	certificate_type TEXT, 
	certificate_number TEXT, 
	holder_name TEXT, 
	issuer TEXT, 
	issued_date DATE, 
	valid_from DATE, 
	valid_until DATE, 
	state TEXT, 
	file_digest TEXT, 
	source SMALLINT NOT NULL, 
	row_hash BIGINT NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	batch INTEGER NOT NULL, 
	asserted_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_certificate_claims PRIMARY KEY (entry, source)
)
 WITH (fillfactor = 90);

CREATE TABLE library.certificate_past_claims (
	entry TEXT COLLATE "C" NOT NULL, 
	subject TEXT COLLATE "C" NOT NULL, 
	certificate_identifier TEXT, 
	certificate_type TEXT, 
	certificate_number TEXT, 
	holder_name TEXT, 
	issuer TEXT, 
	issued_date DATE, 
	valid_from DATE, 
	valid_until DATE, 
	state TEXT, 
	file_digest TEXT, 
	source SMALLINT NOT NULL, 
	row_hash BIGINT NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	batch INTEGER NOT NULL, 
	asserted_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	superseded_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	superseded_by_batch INTEGER NOT NULL
);

CREATE INDEX ix_certificate_past_claims_entry ON library.certificate_past_claims (entry);

CREATE TABLE library.certificate (
	entry TEXT COLLATE "C" NOT NULL, 
	subject TEXT COLLATE "C" NOT NULL, 
	certificate_identifier TEXT, 
	certificate_type TEXT, 
	certificate_number TEXT, 
	holder_name TEXT, 
	issuer TEXT, 
	issued_date DATE, 
	valid_from DATE, 
	valid_until DATE, 
	state TEXT, 
	file_digest TEXT, 
	sources SMALLINT[] NOT NULL, 
	batches INTEGER[] NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	recorded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	CONSTRAINT pk_certificate PRIMARY KEY (entry)
)
 WITH (fillfactor = 90);

CREATE INDEX ix_certificate_subject ON library.certificate (subject);

CREATE TABLE library.certificate_history (
	entry TEXT COLLATE "C" NOT NULL, 
	subject TEXT COLLATE "C" NOT NULL, 
	certificate_identifier TEXT, 
	certificate_type TEXT, 
	certificate_number TEXT, 
	holder_name TEXT, 
	issuer TEXT, 
	issued_date DATE, 
	valid_from DATE, 
	valid_until DATE, 
	state TEXT, 
	file_digest TEXT, 
	sources SMALLINT[] NOT NULL, 
	batches INTEGER[] NOT NULL, 
	version INTEGER DEFAULT '1' NOT NULL, 
	known_from TIMESTAMP WITH TIME ZONE NOT NULL, 
	known_to TIMESTAMP WITH TIME ZONE NOT NULL
);

CREATE INDEX ix_certificate_history_entry ON library.certificate_history (entry);

CREATE TABLE library.conflicts (
	library TEXT NOT NULL, 
	record_key TEXT NOT NULL, 
	attribute TEXT NOT NULL, 
	claims JSONB NOT NULL, 
	found_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	closed_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_conflicts PRIMARY KEY (library, record_key, attribute)
);

CREATE TABLE directory.data_elements (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	synonyms TEXT[] DEFAULT '{}' NOT NULL, 
	definition TEXT, 
	type TEXT NOT NULL, 
	length BIGINT, 
	code_table TEXT, 
	sensitivity TEXT DEFAULT 'internal' NOT NULL, 
	lead_department_id TEXT, 
	CONSTRAINT pk_data_elements PRIMARY KEY (id), 
	CONSTRAINT fk_data_elements_lead_department_id FOREIGN KEY(lead_department_id) REFERENCES directory.departments (id)
);

CREATE TABLE directory.resources (
	id TEXT NOT NULL, 
	number SMALLINT GENERATED BY DEFAULT AS IDENTITY, 
	department_id TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	CONSTRAINT pk_resources PRIMARY KEY (id), 
	CONSTRAINT uq_resources_number UNIQUE (number), 
	CONSTRAINT fk_resources_department_id FOREIGN KEY(department_id) REFERENCES directory.departments (id)
);

CREATE INDEX ix_resources_department_id ON directory.resources (department_id);

CREATE TABLE directory.service_items (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	department_id TEXT NOT NULL, 
	basis TEXT, 
	materials JSONB DEFAULT '[]' NOT NULL, 
	CONSTRAINT pk_service_items PRIMARY KEY (id), 
	CONSTRAINT fk_service_items_department_id FOREIGN KEY(department_id) REFERENCES directory.departments (id)
);

CREATE INDEX ix_service_items_department_id ON directory.service_items (department_id);

CREATE TABLE exchange.applications (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	department_id TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	CONSTRAINT pk_applications PRIMARY KEY (id), 
	CONSTRAINT fk_applications_department_id FOREIGN KEY(department_id) REFERENCES directory.departments (id)
);

CREATE TABLE operations.officers (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	department_id TEXT NOT NULL, 
	roles TEXT[] NOT NULL, 
	password_hash TEXT NOT NULL, 
	language TEXT DEFAULT 'zh' NOT NULL, 
	failed_attempts BIGINT DEFAULT '0' NOT NULL, 
	locked_until TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_officers PRIMARY KEY (id), 
	CONSTRAINT fk_officers_department_id FOREIGN KEY(department_id) REFERENCES directory.departments (id)
);

CREATE TABLE operations.notices (
	id BIGINT GENERATED BY DEFAULT AS IDENTITY, 
	department_id TEXT NOT NULL, 
	key TEXT NOT NULL, 
	facts JSONB DEFAULT '{}' NOT NULL, 
	demand_id TEXT, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	read_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_notices PRIMARY KEY (id), 
	CONSTRAINT fk_notices_department_id FOREIGN KEY(department_id) REFERENCES directory.departments (id)
);

CREATE INDEX ix_notices_department_id_created_at ON operations.notices (department_id, created_at);

CREATE TABLE directory.resource_versions (
	id TEXT NOT NULL, 
	resource_id TEXT NOT NULL, 
	version BIGINT NOT NULL, 
	state TEXT DEFAULT 'draft' NOT NULL, 
	document JSONB NOT NULL, 
	digest TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	published_at TIMESTAMP WITH TIME ZONE, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_resource_versions PRIMARY KEY (id), 
	CONSTRAINT uq_resource_versions_resource_id_version UNIQUE (resource_id, version), 
	CONSTRAINT ck_resource_versions_state CHECK (state in ('draft', 'published', 'superseded', 'withdrawn')), 
	CONSTRAINT fk_resource_versions_resource_id FOREIGN KEY(resource_id) REFERENCES directory.resources (id)
);

CREATE UNIQUE INDEX uq_resource_versions_one_published ON directory.resource_versions (resource_id) WHERE state = 'published';

CREATE UNIQUE INDEX uq_resource_versions_one_draft ON directory.resource_versions (resource_id) WHERE state = 'draft';

CREATE FUNCTION directory.keep_published_versions() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.state <> 'draft' AND (TG_OP = 'DELETE' OR NEW.document IS DISTINCT FROM OLD.document
                OR NEW.digest <> OLD.digest OR NEW.state = 'draft') THEN
                RAISE EXCEPTION 'published version % of a resource never changes', OLD.id USING ERRCODE = 'restrict_violation';
            END IF;
            IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER keep_published_versions BEFORE UPDATE OR DELETE ON directory.resource_versions
            FOR EACH ROW EXECUTE FUNCTION directory.keep_published_versions();

CREATE TABLE exchange.application_keys (
	keyid TEXT NOT NULL, 
	application_id TEXT NOT NULL, 
	algorithm TEXT NOT NULL, 
	public_jwk JSONB NOT NULL, 
	state TEXT DEFAULT 'active' NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	ended_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_application_keys PRIMARY KEY (keyid), 
	CONSTRAINT ck_application_keys_state CHECK (state in ('active', 'retired', 'revoked')), 
	CONSTRAINT fk_application_keys_application_id FOREIGN KEY(application_id) REFERENCES exchange.applications (id)
);

CREATE OR REPLACE FUNCTION exchange.tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('hutong_changes', TG_TABLE_NAME); RETURN NULL; END $$;

CREATE OR REPLACE TRIGGER tell_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON exchange.application_keys
FOR EACH STATEMENT EXECUTE FUNCTION exchange.tell_change();

CREATE TABLE exchange.demands (
	id TEXT NOT NULL, 
	department_id TEXT NOT NULL, 
	application_id TEXT, 
	service_item_id TEXT NOT NULL, 
	purpose TEXT NOT NULL, 
	basis TEXT NOT NULL, 
	scenario TEXT DEFAULT '' NOT NULL, 
	scope TEXT DEFAULT '' NOT NULL, 
	mode TEXT DEFAULT 'query' NOT NULL, 
	volume_per_day BIGINT DEFAULT '1000' NOT NULL, 
	valid_until DATE, 
	state TEXT DEFAULT 'draft' NOT NULL, 
	created_by TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	submitted_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_demands PRIMARY KEY (id), 
	CONSTRAINT ck_demands_state CHECK (state in ('draft', 'submitted', 'dispatched', 'answered', 'provided', 'accepted', 'closed', 'withdrawn', 'returned', 'refused')), 
	CONSTRAINT fk_demands_department_id FOREIGN KEY(department_id) REFERENCES directory.departments (id), 
	CONSTRAINT fk_demands_application_id FOREIGN KEY(application_id) REFERENCES exchange.applications (id), 
	CONSTRAINT fk_demands_service_item_id FOREIGN KEY(service_item_id) REFERENCES directory.service_items (id)
);

CREATE INDEX ix_demands_department_id ON exchange.demands (department_id);

CREATE TABLE landing.refused_files (
	id BIGINT GENERATED BY DEFAULT AS IDENTITY, 
	resource_id TEXT NOT NULL, 
	batch_id TEXT, 
	name TEXT NOT NULL, 
	digest TEXT DEFAULT '' NOT NULL, 
	code TEXT NOT NULL, 
	facts JSONB DEFAULT '{}' NOT NULL, 
	seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	CONSTRAINT pk_refused_files PRIMARY KEY (id), 
	CONSTRAINT fk_refused_files_resource_id FOREIGN KEY(resource_id) REFERENCES directory.resources (id)
);

CREATE UNIQUE INDEX uq_refused_files ON landing.refused_files (resource_id, name, digest, code);

CREATE TABLE operations.officer_sessions (
	id TEXT NOT NULL, 
	officer_id TEXT NOT NULL, 
	csrf_token TEXT NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
	CONSTRAINT pk_officer_sessions PRIMARY KEY (id), 
	CONSTRAINT fk_officer_sessions_officer_id FOREIGN KEY(officer_id) REFERENCES operations.officers (id)
);

CREATE TABLE exchange.demand_items (
	id BIGINT GENERATED BY DEFAULT AS IDENTITY, 
	demand_id TEXT NOT NULL, 
	position BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	note TEXT, 
	CONSTRAINT pk_demand_items PRIMARY KEY (id), 
	CONSTRAINT uq_demand_items_demand_id_position UNIQUE (demand_id, position), 
	CONSTRAINT fk_demand_items_demand_id FOREIGN KEY(demand_id) REFERENCES exchange.demands (id)
);

CREATE TABLE exchange.supply_tasks (
	id TEXT NOT NULL, 
	demand_id TEXT NOT NULL, 
	department_id TEXT NOT NULL, 
	state TEXT DEFAULT 'open' NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	due_date DATE NOT NULL, 
	is_provisional BOOLEAN DEFAULT false NOT NULL, 
	rule_key TEXT NOT NULL, 
	answered_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_supply_tasks PRIMARY KEY (id), 
	CONSTRAINT uq_supply_tasks_demand_id_department_id UNIQUE (demand_id, department_id), 
	CONSTRAINT ck_supply_tasks_state CHECK (state in ('open', 'answered', 'cancelled')), 
	CONSTRAINT fk_supply_tasks_demand_id FOREIGN KEY(demand_id) REFERENCES exchange.demands (id), 
	CONSTRAINT fk_supply_tasks_department_id FOREIGN KEY(department_id) REFERENCES directory.departments (id)
);

CREATE INDEX ix_supply_tasks_department_id ON exchange.supply_tasks (department_id);

CREATE TABLE exchange.case_events (
	id BIGINT GENERATED BY DEFAULT AS IDENTITY, 
	demand_id TEXT NOT NULL, 
	at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL, 
	actor TEXT NOT NULL, 
	department_id TEXT, 
	action TEXT NOT NULL, 
	from_state TEXT, 
	to_state TEXT, 
	note TEXT, 
	facts JSONB DEFAULT '{}' NOT NULL, 
	CONSTRAINT pk_case_events PRIMARY KEY (id), 
	CONSTRAINT fk_case_events_demand_id FOREIGN KEY(demand_id) REFERENCES exchange.demands (id)
);

CREATE INDEX ix_case_events_demand_id ON exchange.case_events (demand_id, id);

CREATE TABLE exchange.grants (
	id TEXT NOT NULL, 
	demand_id TEXT NOT NULL, 
	application_id TEXT NOT NULL, 
	library TEXT NOT NULL, 
	service_item_id TEXT NOT NULL, 
	state TEXT DEFAULT 'active' NOT NULL, 
	suspended_by_consumer BOOLEAN DEFAULT false NOT NULL, 
	suspended_by_provider BOOLEAN DEFAULT false NOT NULL, 
	suspended_by_platform BOOLEAN DEFAULT false NOT NULL, 
	is_case_required BOOLEAN DEFAULT true NOT NULL, 
	is_source_shown BOOLEAN DEFAULT true NOT NULL, 
	quota_per_day BIGINT DEFAULT '1000' NOT NULL, 
	subjects_per_call BIGINT DEFAULT '100' NOT NULL, 
	valid_from DATE NOT NULL, 
	valid_until DATE NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	CONSTRAINT pk_grants PRIMARY KEY (id), 
	CONSTRAINT ck_grants_state CHECK (state in ('draft', 'active', 'expired', 'revoked', 'closed')), 
	CONSTRAINT fk_grants_demand_id FOREIGN KEY(demand_id) REFERENCES exchange.demands (id), 
	CONSTRAINT fk_grants_application_id FOREIGN KEY(application_id) REFERENCES exchange.applications (id), 
	CONSTRAINT fk_grants_service_item_id FOREIGN KEY(service_item_id) REFERENCES directory.service_items (id)
);

CREATE INDEX ix_grants_demand_id ON exchange.grants (demand_id);

CREATE INDEX ix_grants_application_id ON exchange.grants (application_id);

CREATE OR REPLACE FUNCTION exchange.tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('hutong_changes', TG_TABLE_NAME); RETURN NULL; END $$;

CREATE OR REPLACE TRIGGER tell_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON exchange.grants
FOR EACH STATEMENT EXECUTE FUNCTION exchange.tell_change();

CREATE TABLE landing.batches (
	id TEXT NOT NULL, 
	number INTEGER GENERATED BY DEFAULT AS IDENTITY, 
	resource_id TEXT NOT NULL, 
	resource_version_id TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	state TEXT DEFAULT 'planned' NOT NULL, 
	created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	landed_at TIMESTAMP WITH TIME ZONE, 
	checked_at TIMESTAMP WITH TIME ZONE, 
	merged_at TIMESTAMP WITH TIME ZONE, 
	path TEXT, 
	manifest JSONB, 
	watermark TEXT, 
	rows_in BIGINT, 
	rows_good BIGINT, 
	rows_quarantined BIGINT, 
	repairs JSONB, 
	score DOUBLE PRECISION, 
	error_code TEXT, 
	error_facts JSONB, 
	CONSTRAINT pk_batches PRIMARY KEY (id), 
	CONSTRAINT ck_batches_state CHECK (state in ('planned', 'landed', 'checked', 'merged', 'rejected', 'retracted')), 
	CONSTRAINT uq_batches_number UNIQUE (number), 
	CONSTRAINT fk_batches_resource_id FOREIGN KEY(resource_id) REFERENCES directory.resources (id), 
	CONSTRAINT fk_batches_resource_version_id FOREIGN KEY(resource_version_id) REFERENCES directory.resource_versions (id)
);

CREATE INDEX ix_batches_resource_id_created_at ON landing.batches (resource_id, created_at);

CREATE TABLE exchange.matches (
	id BIGINT GENERATED BY DEFAULT AS IDENTITY, 
	demand_item_id BIGINT NOT NULL, 
	rank BIGINT NOT NULL, 
	resource_version_id TEXT NOT NULL, 
	item_id TEXT NOT NULL, 
	score DOUBLE PRECISION NOT NULL, 
	reasons JSONB NOT NULL, 
	CONSTRAINT pk_matches PRIMARY KEY (id), 
	CONSTRAINT uq_matches_demand_item_id_rank UNIQUE (demand_item_id, rank), 
	CONSTRAINT fk_matches_demand_item_id FOREIGN KEY(demand_item_id) REFERENCES exchange.demand_items (id), 
	CONSTRAINT fk_matches_resource_version_id FOREIGN KEY(resource_version_id) REFERENCES directory.resource_versions (id)
);

CREATE TABLE exchange.supply_answers (
	id BIGINT GENERATED BY DEFAULT AS IDENTITY, 
	task_id TEXT NOT NULL, 
	demand_item_id BIGINT NOT NULL, 
	decision TEXT, 
	resource_version_id TEXT, 
	item_id TEXT, 
	form TEXT DEFAULT 'full' NOT NULL, 
	reason TEXT, 
	promised_date DATE, 
	answered_by TEXT, 
	answered_at TIMESTAMP WITH TIME ZONE, 
	CONSTRAINT pk_supply_answers PRIMARY KEY (id), 
	CONSTRAINT uq_supply_answers_task_id_demand_item_id UNIQUE (task_id, demand_item_id), 
	CONSTRAINT ck_supply_answers_decision CHECK (decision in ('confirm', 'will_provide', 'counter_offer', 'refuse')), 
	CONSTRAINT ck_supply_answers_form CHECK (form in ('full', 'masked', 'yes_no')), 
	CONSTRAINT fk_supply_answers_task_id FOREIGN KEY(task_id) REFERENCES exchange.supply_tasks (id), 
	CONSTRAINT fk_supply_answers_demand_item_id FOREIGN KEY(demand_item_id) REFERENCES exchange.demand_items (id), 
	CONSTRAINT fk_supply_answers_resource_version_id FOREIGN KEY(resource_version_id) REFERENCES directory.resource_versions (id)
);

CREATE TABLE exchange.grant_use (
	grant_id TEXT NOT NULL, 
	day DATE NOT NULL, 
	subjects BIGINT DEFAULT '0' NOT NULL, 
	calls BIGINT DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_grant_use PRIMARY KEY (grant_id, day), 
	CONSTRAINT fk_grant_use_grant_id FOREIGN KEY(grant_id) REFERENCES exchange.grants (id)
);

CREATE TABLE landing.rule_results (
	batch_id TEXT NOT NULL, 
	rule TEXT NOT NULL, 
	indicator TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	evaluated BIGINT NOT NULL, 
	failed BIGINT NOT NULL, 
	CONSTRAINT pk_rule_results PRIMARY KEY (batch_id, rule), 
	CONSTRAINT fk_rule_results_batch_id FOREIGN KEY(batch_id) REFERENCES landing.batches (id)
);

CREATE TABLE landing.quarantined_rows (
	id BIGINT GENERATED BY DEFAULT AS IDENTITY, 
	batch_id TEXT NOT NULL, 
	row_number BIGINT NOT NULL, 
	record_key TEXT, 
	reasons TEXT[] NOT NULL, 
	values JSONB NOT NULL, 
	held_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, 
	released_at TIMESTAMP WITH TIME ZONE, 
	released_by_batch_id TEXT, 
	CONSTRAINT pk_quarantined_rows PRIMARY KEY (id), 
	CONSTRAINT fk_quarantined_rows_batch_id FOREIGN KEY(batch_id) REFERENCES landing.batches (id)
);

CREATE INDEX ix_quarantined_rows_batch_id ON landing.quarantined_rows (batch_id);

CREATE TABLE exchange.grant_items (
	grant_id TEXT NOT NULL, 
	attribute TEXT NOT NULL, 
	form TEXT DEFAULT 'full' NOT NULL, 
	resource_version_id TEXT NOT NULL, 
	item_id TEXT NOT NULL, 
	supply_answer_id BIGINT, 
	CONSTRAINT pk_grant_items PRIMARY KEY (grant_id, attribute), 
	CONSTRAINT ck_grant_items_form CHECK (form in ('full', 'masked', 'yes_no')), 
	CONSTRAINT fk_grant_items_grant_id FOREIGN KEY(grant_id) REFERENCES exchange.grants (id), 
	CONSTRAINT fk_grant_items_resource_version_id FOREIGN KEY(resource_version_id) REFERENCES directory.resource_versions (id), 
	CONSTRAINT fk_grant_items_supply_answer_id FOREIGN KEY(supply_answer_id) REFERENCES exchange.supply_answers (id)
);

CREATE OR REPLACE FUNCTION exchange.tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('hutong_changes', TG_TABLE_NAME); RETURN NULL; END $$;

CREATE OR REPLACE TRIGGER tell_change AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON exchange.grant_items
FOR EACH STATEMENT EXECUTE FUNCTION exchange.tell_change();

