package recorder

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimEnv); dir != "" {
		victim(dir) // a server that a test kills
		return
	}
	goleak.VerifyTestMain(m)
}
