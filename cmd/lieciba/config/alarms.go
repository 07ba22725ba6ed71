package config

import (
	"errors"
	"fmt"
	"time"

	"gopkg.in/yaml.v3"
)

// Alarms says from when on access is suspicious.
type Alarms struct {
	Hours        Hours    `yaml:"hours"`         // office hours in Riga, as 07:00-19:00
	Weekends     bool     `yaml:"weekends"`      // are office days too
	VolumeFactor float64  `yaml:"volume_factor"` // times one's own mean of a day with looking
	VolumeFloor  Duration `yaml:"volume_floor"`  // of footage in a day, below which nothing is an alarm
	BaselineDays int      `yaml:"baseline_days"` // days before that make the mean
	Refusals     int      `yaml:"refusals"`      // of one person or machine in an hour
	WrongAccount int      `yaml:"wrong_account"` // wrong passwords for one account in an hour
	WrongAddress int      `yaml:"wrong_address"` // wrong passwords from one address in an hour
	CollectDays  int      `yaml:"collect_days"`  // days after which a package counts as not fetched
	Every        Duration `yaml:"every"`         // between two looks
}

func defaultAlarms() Alarms {
	return Alarms{Hours: Hours{7 * time.Hour, 19 * time.Hour}, VolumeFactor: 3, VolumeFloor: Duration(4 * time.Hour), BaselineDays: 28,
		Refusals: 10, WrongAccount: 10, WrongAddress: 30, CollectDays: 7, Every: Duration(time.Minute)}
}

func (a Alarms) faults() []fault {
	return []fault{
		{"alarms.volume_factor", factor(a.VolumeFactor)},
		{"alarms.volume_floor", atMost(a.VolumeFloor, 10_000*time.Hour)},
		{"alarms.baseline_days", inRange(a.BaselineDays, 1, 366)},
		{"alarms.refusals", inRange(a.Refusals, 1, 10_000)},
		{"alarms.wrong_account", inRange(a.WrongAccount, 1, 10_000)},
		{"alarms.wrong_address", inRange(a.WrongAddress, 1, 10_000)},
		{"alarms.collect_days", inRange(a.CollectDays, 1, 366)},
		{"alarms.every", between(a.Every, time.Second, time.Hour)},
	}
}

func factor(f float64) error {
	if !(f >= 1 && f <= 1000) {
		return errors.New("must be a number from 1 to 1000")
	}
	return nil
}

// Hours are the office hours of a day, from and to, since midnight.
type Hours [2]time.Duration

// UnmarshalYAML reads 07:00-19:00; 00:00-24:00 is the whole day.
func (h *Hours) UnmarshalYAML(n *yaml.Node) error {
	var a, b, c, d int
	_, err := fmt.Sscanf(n.Value, "%02d:%02d-%02d:%02d", &a, &b, &c, &d)
	from, to := time.Duration(a)*time.Hour+time.Duration(b)*time.Minute, time.Duration(c)*time.Hour+time.Duration(d)*time.Minute
	if err != nil || len(n.Value) != len("07:00-19:00") || b > 59 || d > 59 || from < 0 || to <= from || to > 24*time.Hour {
		return fmt.Errorf("line %d: %q are no office hours: write for example 07:00-19:00", n.Line, n.Value)
	}
	*h = Hours{from, to}
	return nil
}
