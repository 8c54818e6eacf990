package health

// After is what a result makes of a credential's health.
var After = after
