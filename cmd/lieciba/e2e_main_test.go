package main

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// commandEnv set makes this test binary the lieciba command itself: the server
// that a test starts, kills and starts again is built once, with the tests.
const commandEnv = "LIECIBA_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(commandEnv) != "" {
		main() // ends the process
	}
	flag.Parse()
	if err := flag.Set("test.parallel", sideBySide); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
