package rekey

// Purposes is purposes.
var Purposes = purposes
