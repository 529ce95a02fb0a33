package mailparse

// Limits bounds what one mail may cost. The zero value means DefaultLimits.
type Limits struct{}
