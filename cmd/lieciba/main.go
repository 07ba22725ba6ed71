// Command lieciba records exam sessions so that the recording can stand as
// evidence. `lieciba --help` lists the subcommands.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"lieciba"
	"lieciba/cmd/lieciba/config"
)

// version is set by the release build.
var version = "dev"

type cli struct {
	Serve     serveCmd          `cmd:"" help:"Run the server."`
	Demo      demoCmd           `cmd:"" help:"Run an exam site of simulated cameras: found, recorded, watched."`
	Discover  discoverCmd       `cmd:"" help:"Look for ONVIF cameras and print what answers."`
	Fsck      fsckCmd           `cmd:"" help:"Prove that nothing is missing and nothing was altered in catalogue and store."`
	Export    exportCmd         `cmd:"" help:"Build the evidence package of a sealed exam session."`
	Verify    verifyCmd         `cmd:"" help:"Judge an evidence package offline: complete, altered or unverifiable."`
	Retention retentionCmd      `cmd:"" help:"What is deleted when and why; delete what is due."`
	User      userCmd           `cmd:"" help:"Local accounts."`
	Token     tokenCmd          `cmd:"" help:"Tokens of machines, such as the citizenship system."`
	Sim       citizenshipSimCmd `cmd:"" name:"citizenship-sim" help:"A stand-in for the citizenship system: pushes sessions, receives webhooks."`
	Key       keyCmd            `cmd:"" help:"The key that signs the hash log."`
	Secret    secretCmd         `cmd:"" help:"The master keys that seal the cameras' passwords."`
	TLS       tlsCmd            `cmd:"" name:"tls" help:"The certificate that browsers see."`
	Witness   witnessCmd        `cmd:"" help:"Watch a hash log from another machine, and cosign it."`
	Version   versionCmd        `cmd:"" help:"Print the version."`
}

// environment is what a command may use of the process. Tests give their own.
type environment struct {
	ctx    context.Context
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	getenv func(string) string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(environment{ctx: ctx, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}, os.Args[1:])
	stop()
	os.Exit(code)
}

// run is main without the process: 0 for success, 1 for a failure, 2 for wrong
// usage, or the command's own exitStatus.
func run(env environment, args []string) int {
	exit := -1
	parser, err := kong.New(&cli{}, kong.Name("lieciba"), kong.UsageOnError(),
		kong.Description("Records exam sessions so that the recording can stand as evidence."),
		kong.Vars{"roles": roleNames()}, kong.Writers(env.stdout, env.stderr), kong.Exit(func(code int) { exit = code }))
	if err != nil {
		panic(err) // the command table above is wrong
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // --help was asked for
		return exit
	}
	if err != nil {
		_, _ = fmt.Fprintf(env.stderr, "lieciba: %v\n", err)
		return usageStatus(args)
	}
	if err := parsed.Run(env); err != nil {
		var status exitStatus
		if errors.As(err, &status) {
			return int(status)
		}
		_, _ = fmt.Fprintf(env.stderr, "lieciba: %v\n", plain(err))
		return 1
	}
	return 0
}

// roleNames lists every role, for the help.
func roleNames() string {
	var names []string
	for _, r := range lieciba.Roles() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// plain is an error for a person at a terminal: the message first, then the cause.
func plain(err error) string {
	var e *lieciba.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	s := e.Message
	if e.Field != "" {
		s = e.Field + ": " + s
	}
	if e.Cause != nil {
		s += " (" + e.Cause.Error() + ")"
	}
	return s
}

// configFlag is shared by the commands that work on a server's stores.
type configFlag struct {
	Config string `short:"c" help:"Configuration file; without one the defaults hold." type:"path"`
}

func (f configFlag) load(env environment) (config.Config, error) {
	if f.Config == "" {
		return config.FromEnvironment(env.getenv)
	}
	return config.Load(f.Config, env.getenv)
}

func newLog(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo // the configuration was checked; the demo sets none
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

type versionCmd struct{}

func (versionCmd) Run(env environment) error {
	_, err := fmt.Fprintln(env.stdout, "lieciba", version)
	return err
}
