-- Sums of LEDGER, and the configuration in force from CONFIG.

CREATE TABLE IF NOT EXISTS spend (
    tenant text COLLATE "C" NOT NULL,
    day date NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL,
    requests bigint NOT NULL,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost_micros bigint NOT NULL,
    PRIMARY KEY (tenant, day, key_id, account, model)
);

-- The last position in a partition of TRAFFIC that a tenant's sums contain: ranges of one tenant and partition never
-- overlap, so what does not start behind it has been counted.
CREATE TABLE IF NOT EXISTS spend_through (
    tenant text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (tenant, partition)
);

-- A removed aggregate keeps its last spec. Sealed secrets and key hashes are not copied here.
CREATE TABLE IF NOT EXISTS config_current (
    tenant text COLLATE "C" NOT NULL,
    aggregate text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    sequence bigint NOT NULL,
    time_us bigint NOT NULL,
    actor text COLLATE "C" NOT NULL,
    removed boolean NOT NULL,
    spec jsonb NOT NULL,
    PRIMARY KEY (tenant, aggregate, id)
);
