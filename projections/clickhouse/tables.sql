-- The tables of one generation (GENERATION is its number), and the views in front of them that everybody reads.
-- Statements are separated by a line with two dashes and a semicolon. Times in microseconds, money in micro-dollars.

CREATE TABLE traffic_events_GENERATION (
    day Date DEFAULT toDate(time),
    tenant LowCardinality(String),
    request_id String,
    kind LowCardinality(String),
    time_us Int64,
    time DateTime64(6, 'UTC') DEFAULT fromUnixTimestamp64Micro(time_us, 'UTC'),
    sequence Int64,
    position Int64,
    fact_id String,
    actor String,
    key_id String,
    key_prefix String,
    subject String,
    operation LowCardinality(String),
    model_requested String,
    account LowCardinality(String),
    model LowCardinality(String),
    route LowCardinality(String),
    stream Bool,
    stage LowCardinality(String),
    status Int64,
    code LowCardinality(String),
    rule LowCardinality(String),
    action LowCardinality(String),
    attempts Int64,
    input_tokens Int64,
    output_tokens Int64,
    cached_tokens Int64,
    reasoning_tokens Int64,
    estimated Bool,
    cost_micros Int64,
    reserved_micros Int64,
    budgets Array(String),
    started_us Int64,
    latency_us Int64,
    first_byte_us Int64,
    request_bytes Int64,
    response_bytes Int64,
    finish_reason LowCardinality(String),
    accepted_sequence Int64,
    writer LowCardinality(String),
    boot LowCardinality(String),
    body_key String,
    body_sha256 String,
    body_size Int64,
    cache LowCardinality(String),
    cache_write_tokens Int64,
    audio_input_tokens Int64,
    audio_output_tokens Int64,
    image_tokens Int64,
    batch Int64 COMMENT 'last sequence of the batch that brought the row'
) ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (tenant, day, request_id)
SETTINGS non_replicated_deduplication_window = 10000
--;
CREATE TABLE traffic_position_GENERATION (
    partition Int64,
    first Int64,
    last Int64,
    time DateTime64(6, 'UTC') DEFAULT now64(6)
) ENGINE = MergeTree
ORDER BY (partition, last, first)
--;
CREATE TABLE traffic_5m_GENERATION (
    tenant LowCardinality(String),
    bucket DateTime('UTC'),
    key_id String,
    account LowCardinality(String),
    model LowCardinality(String),
    kind LowCardinality(String),
    requests SimpleAggregateFunction(sum, Int64),
    input_tokens SimpleAggregateFunction(sum, Int64),
    output_tokens SimpleAggregateFunction(sum, Int64),
    cached_tokens SimpleAggregateFunction(sum, Int64),
    reasoning_tokens SimpleAggregateFunction(sum, Int64),
    cost_micros SimpleAggregateFunction(sum, Int64),
    latency_us SimpleAggregateFunction(sum, Int64),
    latency_us_max SimpleAggregateFunction(max, Int64)
) ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (tenant, bucket, key_id, account, model, kind)
SETTINGS non_replicated_deduplication_window = 10000
--;
CREATE TABLE traffic_hour_GENERATION AS traffic_5m_GENERATION
--;
CREATE TABLE traffic_day_GENERATION AS traffic_5m_GENERATION
--;
CREATE MATERIALIZED VIEW traffic_5m_of_GENERATION TO traffic_5m_GENERATION AS
SELECT tenant, toStartOfInterval(toDateTime(time, 'UTC'), INTERVAL 5 MINUTE, 'UTC') AS bucket, key_id, account, model, kind,
    toInt64(count()) AS requests, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
    sum(cached_tokens) AS cached_tokens, sum(reasoning_tokens) AS reasoning_tokens, sum(cost_micros) AS cost_micros,
    sum(traffic_events_GENERATION.latency_us) AS latency_us, max(traffic_events_GENERATION.latency_us) AS latency_us_max
FROM traffic_events_GENERATION GROUP BY tenant, bucket, key_id, account, model, kind
--;
CREATE MATERIALIZED VIEW traffic_hour_of_GENERATION TO traffic_hour_GENERATION AS
SELECT tenant, toStartOfInterval(toDateTime(time, 'UTC'), INTERVAL 1 HOUR, 'UTC') AS bucket, key_id, account, model, kind,
    toInt64(count()) AS requests, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
    sum(cached_tokens) AS cached_tokens, sum(reasoning_tokens) AS reasoning_tokens, sum(cost_micros) AS cost_micros,
    sum(traffic_events_GENERATION.latency_us) AS latency_us, max(traffic_events_GENERATION.latency_us) AS latency_us_max
FROM traffic_events_GENERATION GROUP BY tenant, bucket, key_id, account, model, kind
--;
CREATE MATERIALIZED VIEW traffic_day_of_GENERATION TO traffic_day_GENERATION AS
SELECT tenant, toDateTime(toStartOfDay(time, 'UTC'), 'UTC') AS bucket, key_id, account, model, kind,
    toInt64(count()) AS requests, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
    sum(cached_tokens) AS cached_tokens, sum(reasoning_tokens) AS reasoning_tokens, sum(cost_micros) AS cost_micros,
    sum(traffic_events_GENERATION.latency_us) AS latency_us, max(traffic_events_GENERATION.latency_us) AS latency_us_max
FROM traffic_events_GENERATION GROUP BY tenant, bucket, key_id, account, model, kind
