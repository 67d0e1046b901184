-- When a client that nobody registered goes; those that were registered stay.
ALTER TABLE client ADD COLUMN expires INTEGER;

CREATE INDEX client_expires ON client (expires) WHERE expires IS NOT NULL AND disabled = 0;
