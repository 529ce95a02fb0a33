package mailparse

func decodeLink(url string) string { return url }
