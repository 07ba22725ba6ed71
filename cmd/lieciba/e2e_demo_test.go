package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba/cmd/lieciba/config"
	"lieciba/storage/storagetest"
)

// demoReport is what the issue promises of `demo --report`.
type demoReport struct {
	Verdict    string   `json:"verdict"`
	Problems   []string `json:"problems"`
	Discovered int      `json:"discovered"`
	Cameras    []struct {
		Codec     string   `json:"codec"`
		Audio     string   `json:"audio"`
		ExpectedS float64  `json:"expected_s"`
		RecordedS float64  `json:"recorded_s"`
		Gaps      []gapRow `json:"gaps"`
	} `json:"cameras"`
	Live *struct {
		FirstFrameMSP95 *float64 `json:"first_frame_ms_p95"`
	} `json:"live"`
	Archive *struct {
		StartMS   *float64 `json:"start_ms"`
		SeekMSP95 *float64 `json:"seek_ms_p95"`
		SkewMS    *float64 `json:"skew_ms"`
	} `json:"archive"`
	Store struct {
		Catalog   string `json:"catalog"`
		Media     string `json:"media"`
		WriteOnce bool   `json:"write_once"`
	} `json:"store"`
	Fsck *struct {
		Violations int `json:"violations"`
	} `json:"fsck"`
	Story struct {
		Steps []struct{ Step, Result, Detail string } `json:"steps"`
	} `json:"story"`
	Evidence struct {
		Verdict string `json:"verdict"`
		Gaps    []struct {
			Camera   string `json:"camera"`
			From, To time.Time
			Cause    string `json:"cause"`
		} `json:"gaps"`
		Sessions []struct {
			Verdict     string   `json:"verdict"`
			Fingerprint string   `json:"key_fingerprint"`
			Findings    []string `json:"findings"`
		} `json:"sessions"`
	} `json:"evidence"`
}

// minioURL is the environment that puts the media into a real MinIO.
func minioURL(m *storagetest.MinIOServer) string {
	return "s3://" + m.AccessKey + ":" + m.SecretKey + "@" + m.Endpoint + "/" + m.Bucket + "?secure=false"
}

func TestDemoRunsTheWholeJob(t *testing.T) {
	t.Parallel()
	r := runDemo(t, nil)
	require.Equal(t, []string{"sqlite", "localfs"}, []string{r.Store.Catalog, r.Store.Media})
	require.False(t, r.Store.WriteOnce, "a folder is not claimed to be write-once")
}

func TestDemoRunsTheWholeJobOnPostgreSQLAndMinIO(t *testing.T) {
	t.Parallel()
	m := storagetest.MinIO(t)
	r := runDemo(t, map[string]string{config.EnvCatalogURL: storagetest.Postgres(t), config.EnvMediaURL: minioURL(m)})
	require.Equal(t, []string{"postgres", "minio"}, []string{r.Store.Catalog, r.Store.Media})
	require.True(t, r.Store.WriteOnce, "the object lock was proved")
}

// runDemo runs the demo and holds its report against the words.
func runDemo(t *testing.T, env map[string]string) demoReport {
	t.Helper()
	path := filepath.Join(t.TempDir(), "r.json")
	code, out, errs := command(t, env, "", "demo", "--exit", "--duration", "20s", "--report", path)
	require.Zero(t, code, "%s\n%s", out, errs)
	for _, secret := range env {
		require.NotContains(t, out+errs, secret)
	}
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	r := decode[demoReport](t, raw)
	require.Equal(t, "pass", r.Verdict, "%v", r.Problems)
	require.Equal(t, 4, r.Discovered)
	var steps []string
	for _, s := range r.Story.Steps {
		require.Equal(t, "pass", s.Result, "%s: %s", s.Step, s.Detail)
		steps = append(steps, s.Step)
	}
	require.Equal(t, []string{"put", "ready", "running", "incident", "part", "end", "result_notified", "appeal", "refused", "grant",
		"review", "export", "told"}, steps)
	require.Len(t, r.Cameras, 4)
	sounds := map[string]int{}
	var gaps []gapRow
	for _, c := range r.Cameras {
		require.Equal(t, "h264", c.Codec)
		sounds[c.Audio]++
		missing := 0.0
		for _, g := range c.Gaps {
			missing += g.To.Sub(g.From).Seconds()
		}
		gaps = append(gaps, c.Gaps...)
		require.InDelta(t, c.ExpectedS, c.RecordedS+missing, frameTime.Seconds())
	}
	require.Equal(t, map[string]int{"pcma": 2, "aac": 2}, sounds)
	require.Len(t, gaps, 1)
	require.Contains(t, []string{"camera_offline", "network_loss"}, string(gaps[0].Cause))
	require.Greater(t, gaps[0].To.Sub(gaps[0].From).Seconds(), 2.5, "3 s were cut")
	for _, figure := range []*float64{r.Live.FirstFrameMSP95, r.Archive.StartMS, r.Archive.SeekMSP95, r.Archive.SkewMS} {
		require.NotNil(t, figure)
		require.Positive(t, *figure)
	}
	require.Zero(t, r.Fsck.Violations)
	provesItself(t, r, gaps[0])
	return r
}

// provesItself holds the verdicts that the packages got when the server was gone.
func provesItself(t *testing.T, r demoReport, cut gapRow) {
	t.Helper()
	e := r.Evidence
	require.Equal(t, "complete_with_declared_gaps", e.Verdict)
	require.Len(t, e.Gaps, 1)
	require.NotEmpty(t, e.Gaps[0].Camera)
	require.Equal(t, string(cut.Cause), e.Gaps[0].Cause)
	require.True(t, cut.From.Equal(e.Gaps[0].From) && cut.To != nil && cut.To.Equal(e.Gaps[0].To), "the gap of the catalogue, to the microsecond")
	require.Len(t, e.Sessions, 2)
	verdicts := []string{e.Sessions[0].Verdict, e.Sessions[1].Verdict}
	require.ElementsMatch(t, []string{"complete_with_declared_gaps", "complete"}, verdicts)
	for _, s := range e.Sessions {
		require.Len(t, s.Fingerprint, 64)
		require.Contains(t, strings.Join(s.Findings, " "), "not witnessed", "no witness is claimed where there is none")
	}
}

func TestDemoRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"use 1 to 64":                 {"--cameras", "0"},
		"at least 20s":                {"--duration", "3s"},
		"scheme \"mysql\" is unknown": {"--exit"},
	} {
		env := map[string]string{}
		if args[0] == "--exit" {
			env[config.EnvCatalogURL] = "mysql://u:slepens@h/d"
		}
		code, _, errs := command(t, env, "", append([]string{"demo"}, args...)...)
		require.Equal(t, 1, code)
		require.Contains(t, errs, want)
		require.NotContains(t, errs, "slepens")
	}
}
