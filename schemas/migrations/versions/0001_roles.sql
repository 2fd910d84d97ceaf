-- Roles are hats: NOLOGIN, put on by whoever connects. Evidence is insert-only for the exchange: what was answered cannot be unsaid.
DO $$
DECLARE hat text;
BEGIN
    FOREACH hat IN ARRAY ARRAY['hutong_ingest', 'hutong_exchange', 'hutong_directory', 'hutong_sequencer', 'hutong_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = hat) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', hat);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another database of this server migrates at this moment
            END;
        END IF;
        IF NOT pg_has_role(current_user, hat, 'SET') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', hat);
        END IF;
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA directory, landing, library, exchange, evidence, operations
    TO hutong_ingest, hutong_exchange, hutong_sequencer, hutong_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA directory, landing, library
    TO hutong_ingest, hutong_exchange, hutong_sequencer, hutong_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA exchange, evidence TO hutong_exchange, hutong_sequencer, hutong_reader;

GRANT INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA landing, library TO hutong_ingest;
REVOKE DELETE, TRUNCATE ON landing.quarantined_rows, landing.tickets FROM hutong_ingest; -- nothing leaves quarantine unseen
GRANT SELECT, INSERT ON operations.notices TO hutong_ingest;
GRANT CREATE ON SCHEMA library TO hutong_ingest; -- staging tables of a running merge
GRANT MAINTAIN ON ALL TABLES IN SCHEMA library TO hutong_ingest; -- a large merge renews the planner's figures before the next one plans by them

GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA exchange, operations TO hutong_exchange;
GRANT SELECT ON ALL TABLES IN SCHEMA operations TO hutong_exchange;
GRANT INSERT ON evidence.entries TO hutong_exchange;

-- officers' drafts, reviews and withdrawals: the directory changes, and with it grants, tasks and notices, in one transaction
GRANT USAGE ON SCHEMA directory, landing, library, exchange, evidence, operations TO hutong_directory;
GRANT SELECT ON ALL TABLES IN SCHEMA directory, landing, library, exchange, evidence, operations TO hutong_directory;
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA directory, exchange, operations TO hutong_directory;
GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA directory TO hutong_directory; -- numbers that a failed import took are given again

GRANT INSERT, UPDATE ON evidence.tiles TO hutong_sequencer;
GRANT INSERT ON evidence.leaves, evidence.checkpoints, evidence.cosignatures, evidence.stamps TO hutong_sequencer;
GRANT INSERT, DELETE ON evidence.halts TO hutong_sequencer;
GRANT INSERT ON evidence.entries TO hutong_sequencer;
GRANT INSERT, UPDATE ON evidence.paths, evidence.path_entries, evidence.path_mark TO hutong_sequencer;
GRANT INSERT, UPDATE ON evidence.subject_entries, evidence.subject_mark TO hutong_sequencer;
GRANT DELETE ON evidence.pending TO hutong_sequencer; -- its inbox, filled by trigger
GRANT EXECUTE ON FUNCTION evidence.keep_months TO hutong_sequencer; -- months of entries to come

GRANT SELECT ON operations.notices TO hutong_reader;
GRANT SELECT ON operations.steward_rules TO hutong_ingest, hutong_reader;
