package clienttest

// CheckGo is Go with its error returned, so that a test can see it fail.
var CheckGo = checkGo
