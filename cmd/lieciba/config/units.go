package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Duration is written as in "5m" or "30s".
type Duration time.Duration

// UnmarshalYAML reads a Go duration; it must not be negative.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v < 0 {
		return fmt.Errorf("line %d: %q is not a length of time: write for example 30s or 5m", n.Line, n.Value)
	}
	*d = Duration(v)
	return nil
}

// Size is a count of bytes, written as in "20GiB".
type Size int64

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// UnmarshalYAML reads a whole number with a binary unit.
func (s *Size) UnmarshalYAML(n *yaml.Node) error {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(n.Value, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err == nil && v > 0 && v <= (1<<62)/u.bytes {
			*s = Size(v * u.bytes)
			return nil
		}
		break
	}
	return fmt.Errorf("line %d: %q is not a size: write for example 20GiB or 512MiB", n.Line, n.Value)
}
