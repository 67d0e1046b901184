-- What policies know of a key: its roles, with spaces between them, and its tenant.
ALTER TABLE api_key ADD COLUMN roles TEXT NOT NULL DEFAULT '';
ALTER TABLE api_key ADD COLUMN tenant TEXT;
