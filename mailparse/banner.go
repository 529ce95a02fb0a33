package mailparse

func dropBanners(text string) string { return text }

// imageBlocked: classic Outlook's alt text for a remote image it did not load.
func imageBlocked(alt string) bool { return startsFold(alt, "image removed by sender") }
