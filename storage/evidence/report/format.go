package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"lieciba"
	"lieciba/storage/evidence"
)

// forms are the plural forms of a noun after a number: zero, one, other
// (Unicode CLDR; English uses one and other).
type forms [3]string

// count joins a number and its noun.
func (w *words) count(n int, f forms) string {
	form := 2
	if w == &latvian {
		switch {
		case n%10 == 0 || n%100 >= 11 && n%100 <= 19:
			form = 0
		case n%10 == 1:
			form = 1
		}
	} else if n == 1 {
		form = 1
	}
	return strconv.Itoa(n) + "\u00a0" + f[form]
}

// length is a duration in hours, minutes and seconds, to the millisecond.
func (w *words) length(us int64) string {
	ms := (us + 500) / 1000
	h, m, s := ms/3_600_000, ms/60_000%60, ms%60_000
	var parts []string
	if h > 0 {
		parts = append(parts, fmt.Sprintf("%d\u00a0h", h))
	}
	if m > 0 {
		parts = append(parts, fmt.Sprintf("%d\u00a0min", m))
	}
	if s > 0 || len(parts) == 0 {
		text := strconv.FormatFloat(float64(s)/1000, 'f', -1, 64)
		parts = append(parts, strings.Replace(text, ".", w.decimal, 1)+"\u00a0s")
	}
	return strings.Join(parts, "\u00a0")
}

// bytes is a size in decimal units.
func (w *words) bytes(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	f, i := float64(n), 0
	for f >= 999.5 && i < len(units)-1 {
		f /= 1000
		i++
	}
	digits := 0
	if i > 0 && f < 99.95 {
		digits = 1
	}
	return strings.Replace(strconv.FormatFloat(f, 'f', digits, 64), ".", w.decimal, 1) + "\u00a0" + units[i]
}

const (
	dayLayout   = "2006-01-02"
	clockLayout = "15:04:05.000"
	shortClock  = "15:04"
)

// clock is a time of day, with milliseconds unless they are zero.
func clock(t time.Time) string { return strings.TrimSuffix(t.Format(clockLayout), ".000") }

// span is from and to with the day once, or twice where they differ.
func span(from, to time.Time, layout func(time.Time) string) string {
	a, b := from.Format(dayLayout), to.Format(dayLayout)
	if a == b {
		return a + " " + layout(from) + "–" + layout(to)
	}
	return a + " " + layout(from) + " – " + b + " " + layout(to)
}

func short(t time.Time) string { return t.Format(shortClock) }

func riga(t evidence.Time) time.Time { return t.In(lieciba.Riga) }

// utc writes a span in UTC.
func utc(from, to evidence.Time) string { return span(from.UTC(), to.UTC(), clock) + "Z" }

// stamp is an instant in Riga with its offset.
func stamp(t evidence.Time) string {
	if t.IsZero() {
		return "–"
	}
	r := riga(t)
	return r.Format(dayLayout) + " " + clock(r) + " (UTC" + r.Format("-07:00") + ")"
}

// offset is a clock offset or a range of them, in milliseconds.
func offset(low, high int64) string {
	a, b := milli(low), milli(high)
	if a == b {
		return a + "\u00a0ms"
	}
	return a + "…" + b + "\u00a0ms"
}

func milli(us int64) string {
	ms := us / 1000
	switch {
	case ms > 0:
		return "+" + strconv.FormatInt(ms, 10)
	case ms < 0:
		return "−" + strconv.FormatInt(-ms, 10)
	}
	return "0"
}

// named is a name and its code.
func named(name, code string) string {
	if name == "" || name == code {
		return code
	}
	return name + " (" + code + ")"
}
