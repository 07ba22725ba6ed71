package viewer

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLogs hands pion's logs to slog. Its warnings and errors are mostly about
// one viewer's network, so they are informational here.
type pionLogs struct{ log *slog.Logger }

func (p pionLogs) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{p.log.With("scope", scope)}
}

type pionLog struct{ log *slog.Logger }

func (p pionLog) say(l slog.Level, format string, args ...any) {
	if p.log.Enabled(context.Background(), l) {
		p.log.Log(context.Background(), l, "webrtc", "text", fmt.Sprintf(format, args...))
	}
}

func (p pionLog) Trace(string)                 {}
func (p pionLog) Tracef(string, ...any)        {}
func (p pionLog) Debug(s string)               { p.say(slog.LevelDebug-4, "%s", s) }
func (p pionLog) Debugf(f string, args ...any) { p.say(slog.LevelDebug-4, f, args...) }
func (p pionLog) Info(s string)                { p.say(slog.LevelDebug-4, "%s", s) }
func (p pionLog) Infof(f string, args ...any)  { p.say(slog.LevelDebug-4, f, args...) }
func (p pionLog) Warn(s string)                { p.say(slog.LevelDebug, "%s", s) }
func (p pionLog) Warnf(f string, args ...any)  { p.say(slog.LevelDebug, f, args...) }
func (p pionLog) Error(s string)               { p.say(slog.LevelInfo, "%s", s) }
func (p pionLog) Errorf(f string, args ...any) { p.say(slog.LevelInfo, f, args...) }
