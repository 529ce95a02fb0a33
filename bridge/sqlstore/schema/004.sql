-- When the database was found to have been restored from a backup: what came
-- before `before` may have been sent although it does not know.
CREATE TABLE restores (
	id     @serial,
	at     @int NOT NULL,
	before @int NOT NULL,
	why    TEXT NOT NULL
) @table;
