-- Which ticket message tells a turn; what took a delivery's place; since when a
-- customer waits.

ALTER TABLE turns ADD COLUMN delivery_id @int;             -- NULL: none does
UPDATE turns SET delivery_id = (SELECT min(d.id) FROM deliveries d
	WHERE d.conversation_id = turns.conversation_id AND d.mail_id = turns.mail_id) WHERE role <> 'note';
CREATE INDEX turns_untold ON turns (conversation_id, n) WHERE delivery_id IS NULL AND role <> 'note';

ALTER TABLE deliveries ADD COLUMN replaced_by @int;

ALTER TABLE conversations ADD COLUMN waiting @int;
UPDATE conversations SET waiting = coalesce(
	(SELECT min(t.at) FROM turns t WHERE t.conversation_id = conversations.id AND t.role = 'customer' AND t.at > coalesce(conversations.last_agent, 0)),
	last_customer) WHERE last_customer > coalesce(last_agent, 0);
