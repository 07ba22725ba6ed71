package server

import (
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba/cmd/lieciba/config"
	"lieciba/storage/alarm"
)

func TestThresholdsOfAnEmptyConfiguration(t *testing.T) {
	require.Equal(t, alarm.Defaults(), thresholds(config.Default().Alarms))
}
