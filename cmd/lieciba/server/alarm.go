package server

import (
	"time"

	"lieciba/cmd/lieciba/config"
	"lieciba/storage/alarm"
)

// alarmWatch looks for suspicious access by the thresholds of the configuration.
func (s *Server) alarmWatch() *alarm.Watch {
	return alarm.New(alarm.Config{Catalog: s.catalog, Thresholds: thresholds(s.cfg.Alarms), Interval: time.Duration(s.cfg.Alarms.Every), Log: s.log})
}

func thresholds(c config.Alarms) alarm.Thresholds {
	return alarm.Thresholds{From: c.Hours[0], To: c.Hours[1], Weekends: c.Weekends, VolumeFactor: c.VolumeFactor, VolumeFloor: time.Duration(c.VolumeFloor),
		BaselineDays: c.BaselineDays, Refusals: c.Refusals, WrongAccount: c.WrongAccount, WrongAddress: c.WrongAddress, CollectDays: c.CollectDays}
}
