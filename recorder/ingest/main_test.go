package ingest

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func timeOf(unix int64) time.Time { return time.Unix(unix, 0).UTC() }
