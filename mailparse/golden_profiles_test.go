package mailparse

import "testing"

// goldenProfiles returns the profiles a golden file is read with.
func goldenProfiles(t testing.TB, g *golden) []*Profile {
	return nil
}
