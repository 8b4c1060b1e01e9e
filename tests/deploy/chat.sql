-- A chat schema as its own service might have made it, with all the ways to lean on ours.
CREATE SCHEMA chat;
CREATE TYPE chat.message_kind AS ENUM ('text', 'image');
CREATE FUNCTION chat.touch() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NEW.updated_at = now(); RETURN NEW; END';
CREATE TABLE chat.conversations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    title text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE chat.messages (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id uuid NOT NULL REFERENCES chat.conversations ON DELETE CASCADE,
    author_id uuid,
    kind chat.message_kind NOT NULL DEFAULT 'text',
    body text NOT NULL
);
CREATE INDEX idx_messages_body_trgm ON chat.messages USING gin (body public.gin_trgm_ops);
CREATE TRIGGER touch BEFORE UPDATE ON chat.conversations
    FOR EACH ROW EXECUTE FUNCTION chat.touch();
INSERT INTO chat.conversations (title) SELECT 'room ' || n FROM generate_series(1, 20) AS n;
INSERT INTO chat.messages (conversation_id, body)
    SELECT id, 'hello from ' || title FROM chat.conversations;
