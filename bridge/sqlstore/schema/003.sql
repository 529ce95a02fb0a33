-- Doubts are looked into: next tells when, probes how often it was done.
ALTER TABLE deliveries ADD COLUMN probes @int NOT NULL DEFAULT 0;
CREATE INDEX deliveries_probe ON deliveries (next, id) WHERE state = 'doubt' AND next IS NOT NULL;
