package citizenshipsim

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"lieciba"
)

// Commands is what Do understands, one a line.
const Commands = `result_notified ID · appeal_opened ID APPEAL · appeal_decided ID APPEAL · extend ID 30m · cancel ID · wait 10s · replay NUMBER`

// Do carries out one line of a plan or of a person, and says what was done. An
// empty line and one that starts with # do nothing.
func (s *Sim) Do(ctx context.Context, line string) (said string, err error) {
	word := strings.Fields(line)
	if len(word) == 0 || strings.HasPrefix(word[0], "#") {
		return "", nil
	}
	arg := func(n int) string {
		if n < len(word) {
			return word[n]
		}
		return ""
	}
	switch kind := lieciba.EventKind(word[0]); {
	case kind == lieciba.EventResultNotified && len(word) == 2, (kind == lieciba.EventAppealOpened || kind == lieciba.EventAppealDecided) && len(word) == 3:
		id, err := s.Notify(ctx, kind, arg(1), arg(2))
		return "told " + line + " as " + id, err
	case word[0] == "cancel" && len(word) == 2:
		return "cancelled " + arg(1), s.Cancel(ctx, arg(1))
	case word[0] == "extend" && len(word) == 3:
		by, err := time.ParseDuration(arg(2))
		if err == nil {
			err = s.Extend(ctx, arg(1), by)
		}
		return "extended " + arg(1) + " by " + arg(2), err
	case word[0] == "wait" && len(word) == 2:
		d, err := time.ParseDuration(arg(1))
		if err != nil {
			return "", err
		}
		return "waited " + arg(1), pause(ctx, d)
	case word[0] == "replay" && len(word) == 2:
		return s.replay(ctx, arg(1))
	}
	return "", lieciba.Invalid("command", "%q is not one of: %s", line, Commands)
}

func (s *Sim) replay(ctx context.Context, from string) (string, error) {
	var after int64
	if _, err := fmt.Sscan(from, &after); err != nil {
		return "", lieciba.Invalid("command", "replay needs the number of a notice")
	}
	list, err := s.Replay(ctx, after)
	var b strings.Builder
	fmt.Fprintf(&b, "%d notices after %d", len(list), after)
	for _, n := range list {
		b.WriteString("\n" + line(Receipt{Notice: n}))
	}
	return b.String(), err
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Follow carries out commands line by line until the end of in; a command that
// fails is told and does not end it.
func (s *Sim) Follow(ctx context.Context, in io.Reader, tell func(said string, err error)) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() && ctx.Err() == nil {
		if said, err := s.Do(ctx, lines.Text()); said != "" || err != nil {
			tell(said, err)
		}
	}
	return lines.Err()
}

// line is an arrival as a person reads it.
func line(r Receipt) string {
	if r.Refused != "" {
		return "refused: " + r.Refused
	}
	out := fmt.Sprintf("%d %s %s %s %s", r.Number, r.At.In(lieciba.Riga).Format("15:04:05"), r.Kind, r.ExternalID, r.ID)
	if r.Duplicate {
		out += " (again)"
	}
	if r.OutOfOrder {
		out += " (OUT OF ORDER)"
	}
	return out
}

// String is the arrival on one line.
func (r Receipt) String() string { return line(r) }
