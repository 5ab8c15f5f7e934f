-- Who may read: nexus_reader sees the rows of the tenant in the setting nexus.tenant and nothing without one;
-- nexus_operator sees all. Neither may write, and partitions can only be read through their table.

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['nexus_reader', 'nexus_operator'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                -- roles belong to the cluster: another database's migration was faster
                WHEN duplicate_object OR unique_violation THEN NULL;
                WHEN insufficient_privilege THEN
                    RAISE EXCEPTION 'role % is missing and % may not create it: as a superuser run CREATE ROLE % NOLOGIN; GRANT % TO %',
                        wanted, current_user, wanted, wanted, current_user USING ERRCODE = 'insufficient_privilege';
            END;
        END IF;
        IF NOT pg_has_role(current_user, wanted, 'SET') THEN
            EXECUTE format('GRANT %I TO %I WITH INHERIT FALSE, SET TRUE', wanted, current_user);
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), wanted);
        EXECUTE format('GRANT SELECT ON traffic_event, finding, spend, config_current TO %I', wanted);
    END LOOP;
    GRANT SELECT ON position TO nexus_operator;
    FOREACH wanted IN ARRAY ARRAY['traffic_event', 'finding', 'spend', 'config_current'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', wanted);
        EXECUTE format('DROP POLICY IF EXISTS own_tenant ON %I', wanted);
        EXECUTE format('CREATE POLICY own_tenant ON %I FOR SELECT TO nexus_reader '
            'USING (tenant = current_setting(''nexus.tenant'', true))', wanted);
        EXECUTE format('DROP POLICY IF EXISTS all_tenants ON %I', wanted);
        EXECUTE format('CREATE POLICY all_tenants ON %I FOR SELECT TO nexus_operator USING (true)', wanted);
    END LOOP;
END
$$;
