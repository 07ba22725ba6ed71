package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"lieciba"
	"lieciba/storage/evidence/verify"
)

type verifyCmd struct {
	Path      string   `arg:"" help:"The package: a ZIP file, an unpacked folder, or the encrypted file."`
	Key       string   `help:"Fingerprint of the log's key, got by another way than the package, or the whole verifier key." placeholder:"FINGERPRINT"`
	Witness   []string `help:"Fingerprint or verifier key of a witness that must have cosigned; may repeat." placeholder:"FINGERPRINT" sep:"none"`
	Identity  []string `short:"i" help:"File with an age identity, for an encrypted package; may repeat." type:"existingfile"`
	StampRoot []string `help:"File with the root certificates of a time-stamp authority, PEM; may repeat." type:"existingfile"`
	JSON      bool     `help:"Print the report as JSON."`
	Lang      string   `help:"Language of the text: lv or en; without it that of the environment." enum:"lv,en," default:""`
	Jobs      int      `help:"Files hashed at a time." default:"1"`
}

// exitStatus ends the process with a status of its own; what there is to say was said.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// usageStatus is the status for wrong usage: 2, but for verify, whose statuses
// are verdicts, EX_USAGE of sysexits.
func usageStatus(args []string) int {
	for _, a := range args {
		if a == "verify" {
			return 64
		}
		if !strings.HasPrefix(a, "-") {
			break
		}
	}
	return 2
}

// Run judges a package: 0 complete, with or without declared gaps, 1 altered, 2
// unverifiable, 64 wrong usage. It uses no network and no database.
func (c verifyCmd) Run(env environment) error {
	ids, err := verify.ReadIdentities(c.Identity...)
	roots, rootErr := verify.ReadRoots(c.StampRoot...)
	err = errors.Join(err, rootErr)
	if err == nil && (c.Jobs < 1 || c.Jobs > 1024) {
		err = lieciba.Invalid("jobs", "must be between 1 and 1024")
	}
	if err != nil {
		_, _ = fmt.Fprintf(env.stderr, "lieciba: %v\n", plain(err))
		return exitStatus(64)
	}
	o := verify.Options{Witnesses: c.Witness, Identities: ids, StampRoots: roots, Jobs: c.Jobs, Progress: progress(env.stderr)}
	if c.Key != "" {
		o.Keys = []string{c.Key}
	}
	r, err := verify.Verify(env.ctx, c.Path, o)
	if lieciba.CodeOf(err) == lieciba.CodeInvalid {
		_, _ = fmt.Fprintf(env.stderr, "lieciba: %v\n", plain(err))
		return exitStatus(64)
	}
	if err != nil {
		_, _ = fmt.Fprintf(env.stderr, "lieciba: %v\n", plain(err))
		return exitStatus(verify.Unverifiable.ExitCode())
	}
	if err := c.print(env, r); err != nil {
		_, _ = fmt.Fprintf(env.stderr, "lieciba: %v\n", err)
		return exitStatus(verify.Unverifiable.ExitCode())
	}
	if code := r.Verdict.ExitCode(); code != 0 {
		return exitStatus(code)
	}
	return nil
}

func (c verifyCmd) print(env environment, r verify.Report) error {
	if !c.JSON {
		return r.Print(env.stdout, language(c.Lang, env.getenv))
	}
	enc := json.NewEncoder(env.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

// language is Latvian unless the flag or the environment says otherwise.
func language(flag string, getenv func(string) string) string {
	if flag != "" {
		return flag
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(name); v != "" {
			if strings.HasPrefix(v, "en") {
				return "en"
			}
			break
		}
	}
	return "lv"
}

// progress prints a line every two seconds, for packages that take longer.
func progress(w io.Writer) func(done, total int64) {
	var mu sync.Mutex
	last := time.Now()
	return func(done, total int64) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); now.Sub(last) >= 2*time.Second {
			last = now
			_, _ = fmt.Fprintf(w, "%d / %d MB\n", done/1e6, total/1e6)
		}
	}
}
