-- Everything that makes a fix hard: names that need quotes, names that are taken, tables and columns
-- that ALTER TABLE treats in their own way.

CREATE SCHEMA "Other";

CREATE TABLE "User's ""Table"" | `x`" (
    id uuid PRIMARY KEY,
    "Email Address" varchar,
    "from" timestamptz DEFAULT now(),
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now(),
    deleted_at timestamptz NOT NULL DEFAULT now(),
    CHECK (id IS NOT NULL)
);
CREATE INDEX "an ""index""" ON "User's ""Table"" | `x`" ("Email Address");
CREATE UNIQUE INDEX ON "User's ""Table"" | `x`" ("Email Address", "from");

-- A comment must not end where a name breaks the line.
CREATE TABLE "two
lines; DROP TABLE plays; --" (id uuid PRIMARY KEY, created_at timestamptz, updated_at timestamptz);

CREATE TABLE plays (
    id uuid DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz,
    user_id uuid REFERENCES "User's ""Table"" | `x`" (id),
    source varchar,
    region varchar,
    PRIMARY KEY (id, created_at, region)
) PARTITION BY LIST (region);
CREATE TABLE plays_eu PARTITION OF plays FOR VALUES IN ('eu');
CREATE TABLE plays_us PARTITION OF plays FOR VALUES IN ('us');
CREATE INDEX plays_by_source ON plays (source);
CREATE INDEX plays_by_source_again ON plays (source);
CREATE INDEX plays_us_source ON plays_us (source);
CREATE INDEX idx_plays_region ON ONLY plays (region);

CREATE TABLE base (id uuid PRIMARY KEY, created_at timestamptz DEFAULT now(), label varchar);
CREATE TABLE child (PRIMARY KEY (id), more varchar) INHERITS (base);

CREATE TABLE viewed (id uuid PRIMARY KEY, name varchar, upper_name text GENERATED ALWAYS AS
    (upper(label)) STORED, label varchar);
CREATE VIEW names AS SELECT name FROM viewed;

CREATE TYPE pair AS (id uuid, label varchar, created_at bigint);
CREATE TABLE typed OF pair (PRIMARY KEY (id), created_at WITH OPTIONS NOT NULL DEFAULT 0);

-- Names that the fixes would like to have.
CREATE TABLE taken (id uuid PRIMARY KEY, viewed_id uuid REFERENCES viewed (id), slug text,
    created_at timestamptz DEFAULT now(), deleted_at timestamptz,
    CONSTRAINT chk_created_at_not_null CHECK (created_at > '2000-01-01'),
    CONSTRAINT taken_slug UNIQUE (slug) DEFERRABLE);
CREATE SEQUENCE idx_taken_viewed_id;
CREATE VIEW idx_taken_slug AS SELECT 1 AS one;
DROP SEQUENCE idx_taken_viewed_id;

CREATE UNLOGGED TABLE scraps (id uuid PRIMARY KEY, scrap_id uuid, updated_at timestamptz);
CREATE FUNCTION busy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    NEW.scrap_id := NEW.id;
    RETURN NEW;
END;
$$;
CREATE TRIGGER touch BEFORE UPDATE ON scraps FOR EACH ROW EXECUTE FUNCTION busy();
CREATE TABLE kept (id uuid PRIMARY KEY, scrap_id uuid NOT NULL);

CREATE TABLE "Other"."Soft" (id uuid PRIMARY KEY, code text UNIQUE, deleted_at timestamptz,
    kept_id uuid UNIQUE REFERENCES kept (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE "Other".refers (code text REFERENCES "Other"."Soft" (code) ON DELETE CASCADE);
CREATE TABLE "Other".posts (id uuid PRIMARY KEY, user_id uuid, created_at timestamptz,
    deleted_at timestamptz);
CREATE TABLE "Other".users (id uuid PRIMARY KEY, email text NOT NULL);
