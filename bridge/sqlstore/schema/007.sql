-- Why a conversation's messages are sent the way they are, where it was chosen.
ALTER TABLE conversations ADD COLUMN identity_reason TEXT NOT NULL DEFAULT '';
