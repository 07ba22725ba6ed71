package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"lieciba/storage/evidence"
)

const example = "../../../deploy/lieciba.example.yaml"

func none(string) string { return "" }

func TestExampleIsTheDefaults(t *testing.T) {
	c, err := Load(example, none)
	require.NoError(t, err)
	want := Default()
	want.HTTP.Proxies = []string{}
	want.WebRTC.PublicIPs, want.Cameras.Interfaces, want.Evidence.Witnesses = []string{}, []string{}, []string{}
	require.Equal(t, want, c)
}

func TestExampleCommentsEveryField(t *testing.T) {
	raw, err := os.ReadFile(example)
	require.NoError(t, err)
	var doc yaml.Node
	require.NoError(t, yaml.Unmarshal(raw, &doc))
	var walk func(n *yaml.Node, typ reflect.Type, path string)
	walk = func(n *yaml.Node, typ reflect.Type, path string) {
		have := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			have[key.Value] = true
			if key.HeadComment == "" {
				t.Errorf("%s%s has no comment", path, key.Value)
			}
			for j := range typ.NumField() {
				if f := typ.Field(j); f.Tag.Get("yaml") == key.Value && f.Type.Kind() == reflect.Struct {
					walk(value, f.Type, path+key.Value+".")
				}
			}
		}
		for j := range typ.NumField() {
			if name := typ.Field(j).Tag.Get("yaml"); !have[name] && name != "-" {
				t.Errorf("%s%s is not in the example", path, name)
			}
		}
	}
	walk(doc.Content[0], reflect.TypeFor[Config](), "")
}

func TestBadFileNamesLineFieldAndCure(t *testing.T) {
	for name, c := range map[string]struct {
		yaml string
		want []string
	}{
		"unknown field":       {"data: d\nhttp:\n  lisen: x\n", []string{"line 3", "lisen", "example"}},
		"duration":            {"record:\n  before: soon\n", []string{"line 2", "soon", "5m"}},
		"negative":            {"record:\n  before: -5m\n", []string{"line 2", "-5m"}},
		"size":                {"record:\n  spool_size: 20 GB\n", []string{"line 2", "20 GB", "20GiB"}},
		"all addresses":       {"webrtc:\n  addresses:\n    - 0.0.0.0\n", []string{"line 2", "webrtc.addresses", "0.0.0.0", "list each address"}},
		"listen":              {"\nhttp:\n  listen: \"8420\"\n", []string{"line 3", "http.listen", "host:port"}},
		"in clear":            {"http:\n  listen: 192.0.2.1:8420\n", []string{"line 2", "http.listen", "TLS", "certificate and key"}},
		"in clear, all":       {"http:\n  listen: :8420\n", []string{"line 2", "http.listen", "TLS"}},
		"two certificates":    {"http:\n  tls: self-signed\n  certificate: c\n  key: k\n", []string{"line 2", "http.tls", "exclude"}},
		"other tls":           {"http:\n  tls: acme\n", []string{"line 2", "http.tls", "self-signed"}},
		"client certificates": {"http:\n  client_certificates: true\n", []string{"line 2", "http.client_certificates", "TLS"}},
		"unnamed proxy":       {"http:\n  secure_cookie: true\n", []string{"line", "http.proxies", "127.0.0.1/32"}},
		"proxy without TLS":   {"http:\n  proxies: [127.0.0.1/32]\n", []string{"line 2", "http.proxies", "secure_cookie"}},
		"everybody a proxy":   {"http:\n  secure_cookie: true\n  proxies: [0.0.0.0/0]\n", []string{"line 3", "http.proxies", "0.0.0.0/0"}},
		"public address":      {"http:\n  public_url: exam.example\n", []string{"line 2", "http.public_url", "https://"}},
		"office hours":        {"alarms:\n  hours: 19:00-07:00\n", []string{"line 2", "19:00-07:00", "for example"}},
		"hours of no clock":   {"alarms:\n  hours: 07:60-19:00\n", []string{"line 2", "07:60-19:00"}},
		"volume factor":       {"alarms:\n  volume_factor: 0.5\n", []string{"line 2", "alarms.volume_factor", "1 to 1000"}},
		"no refusals":         {"alarms:\n  refusals: 0\n", []string{"line 2", "alarms.refusals"}},
		"half a pair":         {"http:\n  key: k.pem\n", []string{"line 2", "http.key", "both files"}},
		"scheme":              {"catalog:\n  url: mysql://u:secret@h/d\n", []string{"line 2", "catalog.url", "mysql", "postgres"}},
		"network":             {"cameras:\n  networks: [192.168.1.1]\n", []string{"line 2", "cameras.networks", "192.168.10.0/24"}},
		"stamp without roots": {"evidence:\n  stamp:\n    url: https://tsa.example\n", []string{"evidence.stamp.roots", "both"}},
		"stamp address":       {"evidence:\n  stamp:\n    url: tsa.example\n    roots: r.pem\n", []string{"line 3", "evidence.stamp.url", "https://"}},
		"disk upside down":    {"disk:\n  low: 1GiB\n  critical: 2GiB\n", []string{"line 3", "disk.critical", "disk.low"}},
		"witness":             {"evidence:\n  witnesses: [secret+1+x]\n", []string{"line 2", "evidence.witnesses", "entry 1", "`lieciba witness` prints"}},
		"level":               {"log:\n  level: loud\n", []string{"line 2", "log.level", "loud", "debug"}},
		"wrong type":          {"webrtc:\n  viewers: many\n", []string{"line 2", "many"}},
		"not YAML":            {"data: [\n", []string{"line"}},
		"segment too long":    {"record:\n  segment: 1h\n", []string{"line 2", "record.segment", "at most"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "lieciba.yaml")
			require.NoError(t, os.WriteFile(path, []byte(c.yaml), 0o600))
			_, err := Load(path, none)
			require.Error(t, err)
			for _, w := range append(c.want, path) {
				require.Contains(t, err.Error(), w)
			}
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestWhereTheServerMayListen(t *testing.T) {
	for _, good := range []HTTP{{Listen: "127.0.0.1:80"}, {Listen: "[::1]:80"}, {Listen: "localhost:80"}, {Listen: "127.3.2.1:0"},
		{Listen: ":443", Certificate: "c", Key: "k"}, {Listen: ":443", TLS: SelfSigned}, {Listen: "10.0.0.1:80", SecureCookie: true}} {
		require.NoError(t, notInClear(good), good.Listen)
	}
	for _, bad := range []string{":80", "0.0.0.0:80", "[::]:80", "10.0.0.1:80", "exam.example:80", "[fe80::1%eth0]:80", "[::ffff:10.0.0.1]:80"} {
		require.Error(t, notInClear(HTTP{Listen: bad}), bad)
	}
}

func TestEnvironmentWinsAndStaysOutOfErrors(t *testing.T) {
	env := func(k string) string {
		return map[string]string{EnvCatalogURL: "postgres://u:secret@h/d", EnvMediaURL: "s3://k:secret@h:9000/b"}[k]
	}
	c, err := FromEnvironment(env)
	require.NoError(t, err)
	require.Equal(t, "postgres://u:secret@h/d", c.Catalog.URL)
	require.Equal(t, "s3://k:secret@h:9000/b", c.Media.URL)

	c, err = FromEnvironment(func(k string) string {
		return map[string]string{EnvSecretKey: "a1 b2", EnvCredentials: "/run/credentials/lieciba"}[k]
	})
	require.NoError(t, err)
	require.Equal(t, Secrets{Keys: "a1 b2", Credentials: "/run/credentials/lieciba"}, c.Secrets)
	require.NotContains(t, fmt.Sprintf("%v %+v %s", c, c, c.Secrets), "a1 b2")

	_, err = FromEnvironment(func(string) string { return "ftp://u:secret@h\x7f" })
	require.Error(t, err)
	require.False(t, strings.Contains(err.Error(), "secret"), err.Error())
}

func TestMissingFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"), none)
	require.ErrorContains(t, err, "deploy/lieciba.example.yaml")
}

func TestWitnessKeys(t *testing.T) {
	log, _, err := evidence.CreateKey(filepath.Join(t.TempDir(), "log.key"), "log.test")
	require.NoError(t, err)
	witness, _, err := evidence.OpenWitnessKey(filepath.Join(t.TempDir(), "witness.key"), "witness.test")
	require.NoError(t, err)
	require.NoError(t, witnesses([]string{witness.VerifierKey()}))
	err = witnesses([]string{witness.VerifierKey(), log.VerifierKey()})
	require.ErrorContains(t, err, "entry 2 is the key of a log, not of a witness: `lieciba witness` prints its own")
}
