-- Which daemon watches a mailbox. The token tells one holding from the next;
-- times are the database's.
CREATE TABLE leases (
	mailbox @key PRIMARY KEY,
	holder  TEXT NOT NULL,
	token   @int NOT NULL,
	until   @int NOT NULL
) @keyed;
