-- The newest requests of all tenants, for operators; the index of 0001 serves one tenant.

CREATE INDEX IF NOT EXISTS traffic_event_newest_of_all ON traffic_event (sequence DESC, position DESC);
