package recorder

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnv); dir != "" {
		victim(dir) // a server that a test kills
		return
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil { // real time is waited for, not computed
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
