//go:build race

package retention_test

// stride: under the race detector a sample of the steps is killed, without it all.
const stride = 5
