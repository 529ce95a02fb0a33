-- What the bridge must remember. One text for both databases; migrate.go puts
-- each one's words for @id, @serial, @int, @key, @bytes, @table and @keyed, and
-- runs lines after @postgres there only.
--
-- Times are microseconds UTC, NULL where there is none. No foreign keys: every
-- row is written by this package, in the transaction that writes what it refers
-- to, and a lookup for each reference of each row is a tenth of a mail's price.

-- The watched folders and how far each has been read.
CREATE TABLE folders (
	id            @id,
	mailbox       @key NOT NULL,
	folder        @key NOT NULL,
	uidvalidity   @int,                      -- NULL: never read
	uid           @int NOT NULL DEFAULT 0,
	since         @int,
	rescan_to     @int NOT NULL DEFAULT 0,
	last_size     @int NOT NULL DEFAULT 0,
	last_received @int,
	pending       @int NOT NULL DEFAULT 0,   -- the batch under way ends at this UID
	UNIQUE (mailbox, folder)
) @table;

-- Fetches of mails that failed before: finds the poison one.
CREATE TABLE attempts (
	folder_id   @int NOT NULL,
	uidvalidity @int NOT NULL,
	uid         @int NOT NULL,
	n           @int NOT NULL,
	PRIMARY KEY (folder_id, uidvalidity, uid)
) @keyed;

CREATE TABLE mails (
	id              @id,
	folder_id       @int NOT NULL,
	uidvalidity     @int NOT NULL,
	uid             @int NOT NULL,
	content_key     @key NOT NULL,
	message_id      @key NOT NULL,
	from_address    TEXT NOT NULL,
	from_name       TEXT NOT NULL,
	subject         TEXT NOT NULL,
	received        @int,
	size            @int NOT NULL,
	state           @key NOT NULL,
	reason          TEXT NOT NULL,
	format          TEXT NOT NULL,
	kind            TEXT NOT NULL,
	customer        TEXT NOT NULL,
	customer_fold   @key NOT NULL,             -- compared without case
	conversation_id @int,
	copy_of         @int,
	evidence        TEXT NOT NULL,             -- JSON array, '' for none
	recorded        @int NOT NULL,
	has_raw         @int NOT NULL,
	marked          @int NOT NULL DEFAULT 0    -- on_done has reached it
) @table;
-- A mail is its content at its place. Content first, so that one index also
-- finds copies.
CREATE UNIQUE INDEX mails_content ON mails (content_key, folder_id, uidvalidity, uid);
CREATE INDEX mails_message_id ON mails (message_id) WHERE message_id <> '';
CREATE INDEX mails_state ON mails (state, id);
CREATE INDEX mails_conversation ON mails (conversation_id, id) WHERE conversation_id IS NOT NULL;
CREATE INDEX mails_customer ON mails (customer_fold) WHERE conversation_id IS NULL AND customer_fold <> '';
CREATE INDEX mails_unmarked ON mails (folder_id, uidvalidity, uid) WHERE marked = 0 AND conversation_id IS NOT NULL AND state <> 'parked';

-- The bytes as fetched, apart so that lists stay fast.
CREATE TABLE raws (
	mail_id  @int PRIMARY KEY,
	deflated @int NOT NULL,                    -- 1: raw is RFC 1951
	raw      @bytes NOT NULL
) @table;

CREATE TABLE conversations (
	id               @id,
	key              @key NOT NULL,
	ref              @key NOT NULL,
	format           TEXT NOT NULL,
	vendor_id        @key NOT NULL,
	url              TEXT NOT NULL,
	workspace        TEXT NOT NULL,
	customer         TEXT NOT NULL,
	customer_fold    @key NOT NULL,
	customer_name    TEXT NOT NULL,
	customer_locator TEXT NOT NULL,
	attributes       TEXT NOT NULL,            -- JSON object, '' for none
	subject          TEXT NOT NULL,
	identity         TEXT NOT NULL,
	opened           @int,
	updated          @int,
	first_customer   @int,
	last_customer    @int,
	last_agent       @int,
	deadline         @int,
	thread           TEXT NOT NULL,            -- JSON array of Message-IDs, '' for none
	turns            @int NOT NULL,            -- how many there are
	link_target      TEXT NOT NULL,
	link_message_id  @key NOT NULL,
	link_ticket      @key NOT NULL,
	link_url         TEXT NOT NULL,
	link_confirmed   @int
) @table;
CREATE UNIQUE INDEX conversations_key ON conversations (key);
CREATE UNIQUE INDEX conversations_ref ON conversations (ref);
CREATE INDEX conversations_customer ON conversations (customer_fold) WHERE customer_fold <> '';
CREATE INDEX conversations_vendor_id ON conversations (vendor_id) WHERE vendor_id <> '';
CREATE INDEX conversations_ticket ON conversations (link_ticket) WHERE link_ticket <> '';

CREATE TABLE turns (
	conversation_id @int NOT NULL,
	digest          @key NOT NULL,
	n               @int NOT NULL,             -- their order: 0, 1, 2 …
	mail_id         @int NOT NULL,             -- that told it first
	role            TEXT NOT NULL,
	author          TEXT NOT NULL,
	at              @int,
	written         TEXT NOT NULL,
	text            TEXT NOT NULL,
	PRIMARY KEY (conversation_id, digest)
) @keyed;

-- The outbox.
CREATE TABLE deliveries (
	id              @id,
	conversation_id @int NOT NULL,
	mail_id         @int NOT NULL,
	action          TEXT NOT NULL,
	reason          TEXT NOT NULL,
	message_id      @key NOT NULL,
	reverse_path    @key NOT NULL,
	recipient       TEXT NOT NULL,
	size            @int NOT NULL,
	sha256          TEXT NOT NULL,
	state           @key NOT NULL,
	detail          TEXT NOT NULL,
	attempts        @int NOT NULL DEFAULT 0,
	created         @int NOT NULL,
	next            @int,                      -- set in ready and retry only
	claimed         @int,
	worker          TEXT NOT NULL DEFAULT '',
	settled         @int
) @table;
CREATE UNIQUE INDEX deliveries_message_id ON deliveries (message_id);
CREATE INDEX deliveries_reverse_path ON deliveries (reverse_path) WHERE reverse_path <> '';
CREATE INDEX deliveries_conversation ON deliveries (conversation_id, id);
-- What can be claimed, and all the rest. Queries repeat these conditions word
-- for word, for SQLite uses a partial index only then.
CREATE INDEX deliveries_due ON deliveries (next, id, state, conversation_id) WHERE state IN ('ready','retry');
CREATE INDEX deliveries_rest ON deliveries (state, id) WHERE state NOT IN ('ready','retry');

CREATE TABLE bodies (
	delivery_id @int PRIMARY KEY,
	data        @bytes NOT NULL
) @table;

-- What happened, and why.
CREATE TABLE journal (
	id              @serial,
	at              @int NOT NULL,
	what            TEXT NOT NULL,
	text            TEXT NOT NULL,
	mail_id         @int,
	conversation_id @int,
	delivery_id     @int
) @table;
CREATE INDEX journal_conversation ON journal (conversation_id, id) WHERE conversation_id IS NOT NULL;
CREATE INDEX journal_mail ON journal (mail_id, id) WHERE conversation_id IS NULL AND mail_id IS NOT NULL;

-- Raw mails come deflated; a second compression would find nothing.
@postgres ALTER TABLE raws ALTER COLUMN raw SET STORAGE EXTERNAL;
