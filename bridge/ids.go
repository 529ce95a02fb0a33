package bridge

import (
	"strconv"
)

// The ids people type and logs show: m12 a mail, c7 a conversation, d9 a delivery.

// MailID writes a mail's id, "" for none.
func MailID(id int64) string { return letterID('m', id) }

// ConversationID writes a conversation's id, "" for none.
func ConversationID(id int64) string { return letterID('c', id) }

// DeliveryID writes a delivery's id, "" for none.
func DeliveryID(id int64) string { return letterID('d', id) }

func letterID(letter byte, id int64) string {
	if id == 0 {
		return ""
	}
	return string(letter) + strconv.FormatInt(id, 10)
}

// ParseID reads m12, c7 or d9.
func ParseID(s string) (letter byte, id int64, ok bool) {
	if len(s) < 2 {
		return 0, 0, false
	}
	letter = s[0] | 0x20
	if letter != 'm' && letter != 'c' && letter != 'd' {
		return 0, 0, false
	}
	id, err := strconv.ParseInt(s[1:], 10, 64)
	return letter, id, err == nil && id > 0
}
