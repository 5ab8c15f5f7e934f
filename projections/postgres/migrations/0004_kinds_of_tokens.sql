-- Tokens that some providers count, and charge for, by kind. Rows written before have none of them told apart.

ALTER TABLE traffic_event ADD COLUMN IF NOT EXISTS cache_write_tokens bigint NOT NULL DEFAULT 0;
ALTER TABLE traffic_event ADD COLUMN IF NOT EXISTS audio_input_tokens bigint NOT NULL DEFAULT 0;
ALTER TABLE traffic_event ADD COLUMN IF NOT EXISTS audio_output_tokens bigint NOT NULL DEFAULT 0;
ALTER TABLE traffic_event ADD COLUMN IF NOT EXISTS image_tokens bigint NOT NULL DEFAULT 0;
