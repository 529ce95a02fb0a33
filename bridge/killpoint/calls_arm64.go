package killpoint

// olderCalls: there are none here.
func olderCalls() map[uintptr]string { return nil }
