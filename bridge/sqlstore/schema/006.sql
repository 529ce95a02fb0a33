-- Whose time has come is asked every second.
CREATE INDEX conversations_deadline ON conversations (deadline, id) WHERE deadline IS NOT NULL;
