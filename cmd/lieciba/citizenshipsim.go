package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"lieciba"
	"lieciba/cmd/lieciba/citizenshipsim"
)

// citizenshipSimCmd runs a stand-in for the citizenship system.
type citizenshipSimCmd struct {
	URL      string        `default:"http://127.0.0.1:8420" help:"Address of the server."`
	Token    string        `name:"client-token-file" required:"" type:"existingfile" help:"File with the token of a client with role citizenship."`
	Rooms    []string      `help:"Codes of the rooms to push sessions for."`
	Start    string        `help:"Start of the first session, RFC 3339; without it in ten minutes."`
	Sessions int           `default:"1" help:"Sessions in each room, one after the other."`
	Length   time.Duration `default:"3h" help:"Length of each."`
	Pause    time.Duration `default:"30m" help:"Between two in a room."`
	Parts    []string      `default:"listening,reading,writing,speaking" help:"Parts of each session, of equal length."`
	Seats    int           `default:"12" help:"Seats in each room."`
	Listen   string        `help:"host:port to receive webhooks at, in clear; without it none are received."`
	Secret   string        `name:"webhook-secret-file" type:"existingfile" help:"File with the secret of the webhook."`
	Plan     string        `type:"existingfile" help:"File of commands, one a line; after them, or without it, commands come from standard input."`
	JSON     bool          `help:"One JSON object a line."`
}

// Help is shown by --help.
func (citizenshipSimCmd) Help() string { return "Commands: " + citizenshipsim.Commands }

func (c citizenshipSimCmd) Run(env environment) error {
	sim, plan, err := c.prepare()
	if err != nil {
		return err
	}
	out := &simOutput{w: env.stdout, json: c.JSON}
	sim.OnReceive(func(r citizenshipsim.Receipt) { out.tell("received", r, r.String(), nil) })
	ctx, cancel := context.WithCancel(env.ctx)
	defer cancel()
	stop, err := c.receive(sim, out)
	if err != nil {
		return err
	}
	if len(c.Rooms) > 0 {
		pushed, err := sim.PushDay(ctx, plan)
		for _, x := range pushed {
			out.tell("pushed", x, x.ExternalID+" in "+x.Room+" "+x.StartsAt.In(lieciba.Riga).Format("2006-01-02 15:04")+"-"+x.EndsAt.In(lieciba.Riga).Format("15:04"), nil)
		}
		if err != nil {
			return errors.Join(err, stop())
		}
	}
	return errors.Join(c.follow(ctx, env, sim, out), stop())
}

func (c citizenshipSimCmd) prepare() (*citizenshipsim.Sim, citizenshipsim.Plan, error) {
	sim := &citizenshipsim.Sim{Base: strings.TrimSuffix(c.URL, "/")}
	plan := citizenshipsim.Plan{Rooms: c.Rooms, Start: time.Now().Add(10 * time.Minute).Truncate(time.Minute), Sessions: c.Sessions,
		Length: c.Length, Pause: c.Pause, Seats: c.Seats}
	for _, p := range c.Parts {
		plan.Parts = append(plan.Parts, lieciba.PartKind(p))
	}
	var err error
	if sim.Token, err = firstLine(c.Token); err != nil {
		return nil, plan, err
	}
	if c.Secret != "" {
		if sim.Secret, err = firstLine(c.Secret); err != nil {
			return nil, plan, err
		}
	}
	if c.Start != "" {
		plan.Start, err = lieciba.ParseTime("start", c.Start)
	}
	if err == nil && c.Listen != "" && sim.Secret == "" {
		err = lieciba.Invalid("webhook-secret-file", "is needed with --listen: nothing unsigned is taken")
	}
	return sim, plan, err
}

// firstLine reads a secret from a file, so that it stands in no list of processes.
func firstLine(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line), nil
}

// receive listens for webhooks until stop is called.
func (c citizenshipSimCmd) receive(sim *citizenshipsim.Sim, out *simOutput) (stop func() error, err error) {
	if c.Listen == "" {
		return func() error { return nil }, nil
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, lieciba.Wrap(err, lieciba.CodeInvalid, "%s cannot be listened on: choose another address", c.Listen)
	}
	srv := &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	out.tell("listening", map[string]string{"url": "http://" + l.Addr().String() + "/"}, "webhooks are taken at http://"+l.Addr().String()+"/", nil)
	return func() error {
		err := srv.Close()
		if e := <-served; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}, nil
}

// follow carries out the plan, then what standard input says, then listens on.
func (c citizenshipSimCmd) follow(ctx context.Context, env environment, sim *citizenshipsim.Sim, out *simOutput) error {
	tell := func(said string, err error) { out.tell("did", map[string]string{"said": said}, said, err) }
	if c.Plan != "" {
		f, err := os.Open(c.Plan)
		if err != nil {
			return err
		}
		if err := errors.Join(sim.Follow(ctx, f, tell), f.Close()); err != nil {
			return err
		}
	}
	return sim.Follow(ctx, env.stdin, tell)
}

// simOutput prints one line for each thing that happens.
type simOutput struct {
	mu   sync.Mutex
	w    io.Writer
	json bool
}

func (o *simOutput) tell(what string, v any, plainText string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := what + ": " + plainText
	if err != nil {
		text = "failed: " + plain(err)
	}
	if o.json {
		fields := map[string]any{"what": what, "value": v}
		if err != nil {
			fields = map[string]any{"what": "failed", "error": plain(err)}
		}
		b, merr := json.Marshal(fields)
		if merr != nil {
			b = []byte(`{"what":"failed"}`)
		}
		text = string(b)
	}
	_, _ = fmt.Fprintln(o.w, text) // a closed terminal ends the process by its own signal
}
