-- Tickets that are solved; messages nobody confirmed.
ALTER TABLE conversations ADD COLUMN link_resolved @int;
CREATE INDEX conversations_unconfirmed ON conversations (link_message_id) WHERE link_confirmed IS NULL AND link_message_id <> '';
