package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"lieciba"
	"lieciba/cmd/lieciba/server"
	"lieciba/storage/retention"
)

type retentionCmd struct {
	Plan retentionPlanCmd `cmd:"" help:"Show what will be deleted, when and why. Changes nothing."`
	Run  retentionRunCmd  `cmd:"" help:"Delete now what is due, as the server does by itself."`
}

type retentionPlanCmd struct {
	configFlag
	JSON   bool   `help:"Print the plan as JSON."`
	Before string `help:"Only what may go before this day (Riga), such as 2026-12-31." placeholder:"DATE"`
}

// Run prints the plan, also beside a running server.
func (c retentionPlanCmd) Run(env environment) error {
	var before time.Time
	if c.Before != "" {
		var err error
		if before, err = time.ParseInLocation(time.DateOnly, c.Before, lieciba.Riga); err != nil {
			return lieciba.Invalid("before", "%q is not a day: write it as 2026-12-31", c.Before)
		}
	}
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	rows, err := server.RetentionPlan(env.ctx, cfg, time.Now(), before)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, append([]retention.Row{}, rows...))
	}
	return printPlan(env.stdout, rows)
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printPlan writes a line for each recording, its reason below it.
func printPlan(w io.Writer, rows []retention.Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var due int
	var size int64
	_, _ = fmt.Fprintln(t, "GOES\tSESSION\tCAMERA\tRECORDING\tBYTES\tSTATE") // a tabwriter keeps its error for Flush
	for _, r := range rows {
		when := "no date"
		if !r.DueAt.IsZero() {
			when = r.DueAt.In(lieciba.Riga).Format(time.DateOnly)
		}
		if r.Due {
			due++
			size += r.Bytes
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\n", when, r.ExternalID, r.CameraID, r.RecordingID, r.Bytes, stateOf(r))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		for _, line := range append([]string{r.Reason}, alarmsOf(r.Alarms)...) {
			if _, err := fmt.Fprintf(w, "%s: %s\n", r.RecordingID, line); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintf(w, "%d of %d recordings are due, %d bytes\n", due, len(rows), size)
	return err
}

// stateOf says in a few words what becomes of it now.
func stateOf(r retention.Row) string {
	var kept []string
	for _, b := range r.Blocked {
		kept = append(kept, b.Text)
	}
	switch {
	case len(kept) > 0:
		return "kept: " + strings.Join(kept, "; ")
	case r.Started:
		return "being deleted"
	case r.Due:
		return "due"
	}
	return "kept until then"
}

func alarmsOf(list []retention.Alarm) (lines []string) {
	for _, a := range list {
		lines = append(lines, "alarm: "+a.Text)
	}
	return lines
}

type retentionRunCmd struct {
	configFlag
	JSON bool `help:"Print the report as JSON."`
}

// Run makes one pass and prints what it did.
func (c retentionRunCmd) Run(env environment) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	r, err := server.RetentionRun(env.ctx, cfg, newLog(cfg.Log, env.stderr))
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(env.stdout, r)
	}
	for _, a := range r.Alarms {
		if _, err := fmt.Fprintf(env.stdout, "%s: alarm: %s\n", a.RecordingID, a.Text); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(env.stdout, "%d recordings looked at, %d due, %d deleted with %d segments and %d bytes, %d holds released\n",
		r.Scanned, r.Due, r.Deleted, r.Segments, r.Bytes, r.Released)
	return err
}
