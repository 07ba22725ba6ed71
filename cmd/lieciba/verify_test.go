package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"lieciba/storage/evidence/verify"
	"lieciba/storage/evidence/zipfile"
)

// TestVerifyStatuses: the verdict is the status, and wrong usage is none of them.
func TestVerifyStatuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.zip")
	require.NoError(t, os.WriteFile(text, []byte("this is no package"), 0o600))
	var b bytes.Buffer
	z, err := zipfile.NewWriter(&b, nil)
	require.NoError(t, err)
	w, err := z.Create("README.txt")
	require.NoError(t, err)
	_, err = w.Write([]byte("and nothing else"))
	require.NoError(t, err)
	_, err = z.Finish()
	require.NoError(t, err)
	require.NoError(t, z.Close())
	robbed := filepath.Join(dir, "robbed.zip")
	require.NoError(t, os.WriteFile(robbed, b.Bytes(), 0o600))

	for _, c := range []struct {
		args []string
		code int
		out  string
	}{
		{[]string{robbed}, 1, "Slēdziens: IZMAINĪTS"},
		{[]string{robbed, "--lang", "en"}, 1, "Verdict: ALTERED"},
		{[]string{text}, 2, "Slēdziens: NAV PĀRBAUDĀMS"},
		{[]string{filepath.Join(dir, "none.zip"), "--lang", "en"}, 2, "Verdict: UNVERIFIABLE"},
		{[]string{t.TempDir(), "--lang", "en"}, 2, "this is no evidence package: neither manifest.json"},
		{[]string{dir}, 2, "šī nav pierādījumu pakotne"},
		{[]string{}, 64, ""},
		{[]string{text, "--no-such-flag"}, 64, ""},
		{[]string{text, "--key", "abc"}, 64, ""},
		{[]string{text, "--lang", "de"}, 64, ""},
		{[]string{text, "--identity", text}, 64, ""},
		{[]string{text, "--stamp-root", text}, 64, ""},
		{[]string{text, "--jobs", "0"}, 64, ""},
	} {
		code, out, errs := command(t, nil, "", append([]string{"verify"}, c.args...)...)
		require.Equal(t, c.code, code, "%v: %s", c.args, errs)
		require.Contains(t, out, c.out)
		if c.code == 64 {
			require.Empty(t, out)
			require.NotEmpty(t, errs)
		}
	}
	code, out, _ := command(t, nil, "", "verify", robbed, "--json")
	require.Equal(t, 1, code)
	var r verify.Report
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, verify.Altered, r.Verdict)
	require.NotEmpty(t, r.Findings)
}

func TestVerifyLanguage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  map[string]string
		flag string
		want string
	}{
		{nil, "", "lv"}, {map[string]string{"LANG": "en_US.UTF-8"}, "", "en"}, {map[string]string{"LANG": "C"}, "", "lv"},
		{map[string]string{"LANG": "en_GB", "LC_ALL": "lv_LV.UTF-8"}, "", "lv"}, {map[string]string{"LANG": "lv_LV"}, "en", "en"},
	} {
		require.Equal(t, c.want, language(c.flag, func(k string) string { return c.env[k] }))
	}
}
