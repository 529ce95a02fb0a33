package mailparse

// Profile is one chat product's mail layout, as data.
type Profile struct{}
