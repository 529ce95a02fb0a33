-- DO NOT EDIT: a database as the first release with schema 8 left it.
CREATE TABLE folders (
	id            INTEGER PRIMARY KEY AUTOINCREMENT,
	mailbox       TEXT NOT NULL,
	folder        TEXT NOT NULL,
	uidvalidity   INTEGER,
	uid           INTEGER NOT NULL DEFAULT 0,
	since         INTEGER,
	rescan_to     INTEGER NOT NULL DEFAULT 0,
	last_size     INTEGER NOT NULL DEFAULT 0,
	last_received INTEGER,
	pending       INTEGER NOT NULL DEFAULT 0,
	UNIQUE (mailbox, folder)
) STRICT;
CREATE TABLE attempts (
	folder_id   INTEGER NOT NULL,
	uidvalidity INTEGER NOT NULL,
	uid         INTEGER NOT NULL,
	n           INTEGER NOT NULL,
	PRIMARY KEY (folder_id, uidvalidity, uid)
) STRICT, WITHOUT ROWID;
CREATE TABLE mails (
	id              INTEGER PRIMARY KEY AUTOINCREMENT,
	folder_id       INTEGER NOT NULL,
	uidvalidity     INTEGER NOT NULL,
	uid             INTEGER NOT NULL,
	content_key     TEXT NOT NULL,
	message_id      TEXT NOT NULL,
	from_address    TEXT NOT NULL,
	from_name       TEXT NOT NULL,
	subject         TEXT NOT NULL,
	received        INTEGER,
	size            INTEGER NOT NULL,
	state           TEXT NOT NULL,
	reason          TEXT NOT NULL,
	format          TEXT NOT NULL,
	kind            TEXT NOT NULL,
	customer        TEXT NOT NULL,
	customer_fold   TEXT NOT NULL,
	conversation_id INTEGER,
	copy_of         INTEGER,
	evidence        TEXT NOT NULL,
	recorded        INTEGER NOT NULL,
	has_raw         INTEGER NOT NULL,
	marked          INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX mails_content ON mails (content_key, folder_id, uidvalidity, uid);
CREATE INDEX mails_message_id ON mails (message_id) WHERE message_id <> '';
CREATE INDEX mails_state ON mails (state, id);
CREATE INDEX mails_conversation ON mails (conversation_id, id) WHERE conversation_id IS NOT NULL;
CREATE INDEX mails_customer ON mails (customer_fold) WHERE conversation_id IS NULL AND customer_fold <> '';
CREATE INDEX mails_unmarked ON mails (folder_id, uidvalidity, uid) WHERE marked = 0 AND conversation_id IS NOT NULL AND state <> 'parked';
CREATE TABLE raws (
	mail_id  INTEGER PRIMARY KEY,
	deflated INTEGER NOT NULL,
	raw      BLOB NOT NULL
) STRICT;
CREATE TABLE conversations (
	id               INTEGER PRIMARY KEY AUTOINCREMENT,
	key              TEXT NOT NULL,
	ref              TEXT NOT NULL,
	format           TEXT NOT NULL,
	vendor_id        TEXT NOT NULL,
	url              TEXT NOT NULL,
	workspace        TEXT NOT NULL,
	customer         TEXT NOT NULL,
	customer_fold    TEXT NOT NULL,
	customer_name    TEXT NOT NULL,
	customer_locator TEXT NOT NULL,
	attributes       TEXT NOT NULL,
	subject          TEXT NOT NULL,
	identity         TEXT NOT NULL,
	opened           INTEGER,
	updated          INTEGER,
	first_customer   INTEGER,
	last_customer    INTEGER,
	last_agent       INTEGER,
	deadline         INTEGER,
	thread           TEXT NOT NULL,
	turns            INTEGER NOT NULL,
	link_target      TEXT NOT NULL,
	link_message_id  TEXT NOT NULL,
	link_ticket      TEXT NOT NULL,
	link_url         TEXT NOT NULL,
	link_confirmed   INTEGER
) STRICT;
CREATE UNIQUE INDEX conversations_key ON conversations (key);
CREATE UNIQUE INDEX conversations_ref ON conversations (ref);
CREATE INDEX conversations_customer ON conversations (customer_fold) WHERE customer_fold <> '';
CREATE INDEX conversations_vendor_id ON conversations (vendor_id) WHERE vendor_id <> '';
CREATE INDEX conversations_ticket ON conversations (link_ticket) WHERE link_ticket <> '';
CREATE TABLE turns (
	conversation_id INTEGER NOT NULL,
	digest          TEXT NOT NULL,
	n               INTEGER NOT NULL,
	mail_id         INTEGER NOT NULL,
	role            TEXT NOT NULL,
	author          TEXT NOT NULL,
	at              INTEGER,
	written         TEXT NOT NULL,
	text            TEXT NOT NULL,
	PRIMARY KEY (conversation_id, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE deliveries (
	id              INTEGER PRIMARY KEY AUTOINCREMENT,
	conversation_id INTEGER NOT NULL,
	mail_id         INTEGER NOT NULL,
	action          TEXT NOT NULL,
	reason          TEXT NOT NULL,
	message_id      TEXT NOT NULL,
	reverse_path    TEXT NOT NULL,
	recipient       TEXT NOT NULL,
	size            INTEGER NOT NULL,
	sha256          TEXT NOT NULL,
	state           TEXT NOT NULL,
	detail          TEXT NOT NULL,
	attempts        INTEGER NOT NULL DEFAULT 0,
	created         INTEGER NOT NULL,
	next            INTEGER,
	claimed         INTEGER,
	worker          TEXT NOT NULL DEFAULT '',
	settled         INTEGER
) STRICT;
CREATE UNIQUE INDEX deliveries_message_id ON deliveries (message_id);
CREATE INDEX deliveries_reverse_path ON deliveries (reverse_path) WHERE reverse_path <> '';
CREATE INDEX deliveries_conversation ON deliveries (conversation_id, id);
CREATE INDEX deliveries_due ON deliveries (next, id, state, conversation_id) WHERE state IN ('ready','retry');
CREATE INDEX deliveries_rest ON deliveries (state, id) WHERE state NOT IN ('ready','retry');
CREATE TABLE bodies (
	delivery_id INTEGER PRIMARY KEY,
	data        BLOB NOT NULL
) STRICT;
CREATE TABLE journal (
	id              INTEGER PRIMARY KEY,
	at              INTEGER NOT NULL,
	what            TEXT NOT NULL,
	text            TEXT NOT NULL,
	mail_id         INTEGER,
	conversation_id INTEGER,
	delivery_id     INTEGER
) STRICT;
CREATE INDEX journal_conversation ON journal (conversation_id, id) WHERE conversation_id IS NOT NULL;
CREATE INDEX journal_mail ON journal (mail_id, id) WHERE conversation_id IS NULL AND mail_id IS NOT NULL;
CREATE TABLE leases (
	mailbox TEXT PRIMARY KEY,
	holder  TEXT NOT NULL,
	token   INTEGER NOT NULL,
	until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE deliveries ADD COLUMN probes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deliveries_probe ON deliveries (next, id) WHERE state = 'doubt' AND next IS NOT NULL;
CREATE TABLE restores (
	id     INTEGER PRIMARY KEY,
	at     INTEGER NOT NULL,
	before INTEGER NOT NULL,
	why    TEXT NOT NULL
) STRICT;
ALTER TABLE turns ADD COLUMN delivery_id INTEGER;
UPDATE turns SET delivery_id = (SELECT min(d.id) FROM deliveries d
	WHERE d.conversation_id = turns.conversation_id AND d.mail_id = turns.mail_id) WHERE role <> 'note';
CREATE INDEX turns_untold ON turns (conversation_id, n) WHERE delivery_id IS NULL AND role <> 'note';
ALTER TABLE deliveries ADD COLUMN replaced_by INTEGER;
ALTER TABLE conversations ADD COLUMN waiting INTEGER;
UPDATE conversations SET waiting = coalesce(
	(SELECT min(t.at) FROM turns t WHERE t.conversation_id = conversations.id AND t.role = 'customer' AND t.at > coalesce(conversations.last_agent, 0)),
	last_customer) WHERE last_customer > coalesce(last_agent, 0);
CREATE INDEX conversations_deadline ON conversations (deadline, id) WHERE deadline IS NOT NULL;
ALTER TABLE conversations ADD COLUMN identity_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE conversations ADD COLUMN link_resolved INTEGER;
CREATE INDEX conversations_unconfirmed ON conversations (link_message_id) WHERE link_confirmed IS NULL AND link_message_id <> '';
CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;
INSERT INTO schema_version VALUES (0);
UPDATE schema_version SET version = 8;
INSERT INTO folders (id, mailbox, folder, uidvalidity, uid, since) VALUES (3, 'support', 'INBOX', 4711, 7, 1795000000000000);
INSERT INTO attempts (folder_id, uidvalidity, uid, n) VALUES (3, 4711, 9, 2);
INSERT INTO mails (id, folder_id, uidvalidity, uid, content_key, message_id, from_address, from_name, subject, received, size, state, reason, format, kind, customer, customer_fold, conversation_id, copy_of, evidence, recorded, has_raw)
	VALUES (41, 3, 4711, 7, 'contentkey', 'mid@chat.example.com', 'chat@example.com', 'Chat', 'New message', 1795000000000000, 21, 'ticket', 'new', 'intercom', 'message', 'Kim@example.net', 'kim@example.net', 42, NULL, '["profile intercom"]', 1795000001000000, 1);
INSERT INTO raws (mail_id, deflated, raw) VALUES (41, 0, X'5375626a6563743a20780d0a0d0a68656c6c6f0d0a');
INSERT INTO conversations (id, key, ref, format, vendor_id, url, workspace, customer, customer_fold, customer_name, customer_locator, attributes, subject, identity, opened, updated, thread, turns, link_target, link_message_id, link_ticket, link_url)
	VALUES (42, 'intercom/ws/1964', 'KX7Q-2M9D', 'intercom', '1964', 'https://chat.example.com/1964', 'ws', 'Kim@example.net', 'kim@example.net', 'Kim', 'above the turns', '{"plan":"trial"}', 'hello', 'as-customer', 1795000001000000, 1795000001000000, '["tb.x@example.com"]', 1, 'mailbox', 'tb.x@example.com', '', '');
INSERT INTO turns (conversation_id, digest, n, mail_id, role, author, at, written, text) VALUES (42, 'digest', 0, 41, 'customer', 'Kim', 1795000000000000, '9:00', 'hello');
INSERT INTO deliveries (id, conversation_id, mail_id, action, reason, message_id, reverse_path, recipient, size, sha256, state, detail, created, next)
	VALUES (43, 42, 41, 'raise', 'new', 'tb.x@example.com', 'bounce+x@example.com', 'support@example.com', 8, 'abc', 'ready', '', 1795000001000000, 1795000001000000);
INSERT INTO bodies (delivery_id, data) VALUES (43, X'006d657373616765');
INSERT INTO journal (at, what, text, mail_id, conversation_id, delivery_id) VALUES (1795000001000000, 'recorded', 'ticket: new', 41, 42, 43);
