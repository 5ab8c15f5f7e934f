-- Requests and findings, one partition a UTC day. Columns and their order are those of projections/rows.py.
-- Every migration runs with search_path set to its schema, and must do nothing when run again.

CREATE TABLE IF NOT EXISTS position (
    sink text NOT NULL,
    stream text NOT NULL,
    partition integer NOT NULL DEFAULT 0,
    sequence bigint NOT NULL DEFAULT 0,
    updated timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sink, stream, partition)
);

CREATE TABLE IF NOT EXISTS traffic_event (
    day date NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    time_us bigint NOT NULL,
    time timestamptz NOT NULL,
    sequence bigint NOT NULL,
    position integer NOT NULL,
    fact_id text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    key_prefix text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    model_requested text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    route text COLLATE "C" NOT NULL,
    stream boolean NOT NULL,
    stage text COLLATE "C" NOT NULL,
    status bigint NOT NULL,
    code text COLLATE "C" NOT NULL,
    rule text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    attempts bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cached_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,
    estimated boolean NOT NULL,
    cost_micros bigint NOT NULL,
    reserved_micros bigint NOT NULL,
    budgets text[] NOT NULL,
    started_us bigint NOT NULL,
    latency_us bigint NOT NULL,
    first_byte_us bigint NOT NULL,
    request_bytes bigint NOT NULL,
    response_bytes bigint NOT NULL,
    finish_reason text COLLATE "C" NOT NULL,
    accepted_sequence bigint NOT NULL,
    writer text COLLATE "C" NOT NULL,
    boot text COLLATE "C" NOT NULL,
    body_key text COLLATE "C" NOT NULL,
    body_sha256 text COLLATE "C" NOT NULL,
    body_size bigint NOT NULL,
    cache text COLLATE "C" NOT NULL,
    -- first terminal fact wins: a request has one row, however often it was told
    PRIMARY KEY (day, request_id)
) PARTITION BY RANGE (day);

CREATE INDEX IF NOT EXISTS traffic_event_newest ON traffic_event (tenant, sequence DESC, position DESC);
CREATE INDEX IF NOT EXISTS traffic_event_newest_of_all ON traffic_event (sequence DESC, position DESC);

CREATE TABLE IF NOT EXISTS finding (
    day date NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    fact_id text COLLATE "C" NOT NULL,
    hit integer NOT NULL,
    time_us bigint NOT NULL,
    time timestamptz NOT NULL,
    log text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    position integer NOT NULL,
    stage text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    rule text COLLATE "C" NOT NULL,
    pack text COLLATE "C" NOT NULL,
    characters bigint NOT NULL,
    hit_rule text COLLATE "C" NOT NULL,
    hit_action text COLLATE "C" NOT NULL,
    text bigint NOT NULL,
    first bigint NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (day, fact_id, hit)
) PARTITION BY RANGE (day);

CREATE INDEX IF NOT EXISTS finding_request ON finding (tenant, request_id);
