-- The severity in force of what a rule hit. Rows written before do not tell it.

ALTER TABLE finding ADD COLUMN IF NOT EXISTS hit_severity text NOT NULL DEFAULT '';
