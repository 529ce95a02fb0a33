//go:build race

package mailparse

// raceDetector: code runs five to ten times slower.
const raceDetector = true
