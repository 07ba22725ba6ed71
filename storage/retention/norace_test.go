//go:build !race

package retention_test

// stride: see race_test.go.
const stride = 1
