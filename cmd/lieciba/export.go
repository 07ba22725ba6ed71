package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"lieciba"
	"lieciba/cmd/lieciba/server"
)

type exportCmd struct {
	configFlag
	Session       string `arg:"" optional:"" help:"The exam session: its ID or external ID. All of its recordings must be sealed. With --request, the one that was approved."`
	Out           string `required:"" help:"The package to write; while it is built, the folder OUT.building stands beside it. The same command again goes on after a stop." type:"path"`
	Request       string `help:"An approved request of kind export, which is spent; what is in the package, why and for whom is as it was approved." placeholder:"ID"`
	BreakGlass    bool   `help:"Take the package out without a second person, in need; it is audited as such and raises an alarm."`
	Reason        string `help:"With --break-glass: why nobody could approve it; it stands in the audit log."`
	Purpose       string `help:"With --break-glass: why the recording leaves the house; stands in the package."`
	RecipientName string `help:"With --break-glass: who gets it; stands in the package."`
	Recipient     string `help:"With --break-glass: age public key to encrypt it to; without one the package is in clear." placeholder:"age1…"`
	From          string `help:"With --break-glass: start of a viewing clip, with offset: 2026-05-04T12:00:00+03:00." placeholder:"TIME"`
	To            string `help:"End of the clip." placeholder:"TIME"`
}

// check refuses flags that do not belong together.
func (c exportCmd) check() error {
	switch {
	case c.BreakGlass && c.Request != "":
		return lieciba.Invalid("break-glass", "an approved request needs none: remove one of --request and --break-glass")
	case c.BreakGlass && c.Session == "":
		return lieciba.Invalid("session", "is missing: name the exam session, by its ID or external ID")
	case c.BreakGlass:
		return lieciba.CheckSentence("reason", c.Reason)
	case c.Request == "":
		return lieciba.Invalid("request", "two people let footage out: name an approved request of kind export, or use --break-glass with a --reason, which raises an alarm")
	}
	for _, f := range []struct{ name, value string }{{"session", c.Session}, {"reason", c.Reason}, {"purpose", c.Purpose},
		{"recipient-name", c.RecipientName}, {"recipient", c.Recipient}, {"from", c.From}, {"to", c.To}} {
		if f.value != "" {
			return lieciba.Invalid(f.name, "is the request's, as it was approved: remove it")
		}
	}
	_, err := lieciba.ParseID[lieciba.RequestID]("request", c.Request)
	return err
}

// Run builds a package from the stores of the configuration, also beside a
// running server: 0 when it is whole, 1 when it could not be built.
func (c exportCmd) Run(env environment) error {
	if err := c.check(); err != nil {
		return err
	}
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	r := server.ExportRequest{Request: lieciba.RequestID(c.Request), Reason: c.Reason, Session: c.Session, Out: c.Out, Purpose: c.Purpose, RecipientName: c.RecipientName, Recipient: c.Recipient,
		Version: version, Log: newLog(cfg.Log, env.stderr)}
	if r.From, err = parseTime("from", c.From); err != nil {
		return err
	}
	if r.To, err = parseTime("to", c.To); err != nil {
		return err
	}
	r.Waiting = func(missing int, atMost time.Duration) {
		_, _ = fmt.Fprintf(env.stderr, "waiting for cosignatures of witnesses (%d missing), for %s at most\n", missing, atMost)
	}
	e, err := server.Export(env.ctx, cfg, r, percent(env.stderr))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "package      %s\nexport       %s\nbytes        %d\nSHA-256      %x\nfingerprint  %s\n", c.Out, e.ID, e.Size, e.SHA256, e.FingerprintGroups())
	return err
}

func parseTime(field, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, lieciba.Invalid(field, "is no time: write it with its offset, such as 2026-05-04T12:00:00+03:00")
	}
	return t, nil
}

// percent prints each new percent of a long work at a terminal, each new ten of
// them elsewhere, such as in a log.
func percent(w io.Writer) func(done, total int64) {
	step := int64(10)
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			step = 1
		}
	}
	last := int64(-1)
	return func(done, total int64) {
		if p := done * 100 / max(total, 1) / step * step; p != last {
			last = p
			_, _ = fmt.Fprintf(w, "%3d %%\n", p)
		}
	}
}
