package onvif

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

func notification(topic, operation, item, value string) string {
	return `<wsnt:NotificationMessage><wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">` + topic + `</wsnt:Topic>` +
		`<wsnt:Message><tt:Message UtcTime="2026-11-22T09:00:00.5Z" PropertyOperation="` + operation + `"><tt:Source><tt:SimpleItem Name="VideoSourceConfigurationToken" Value="lens1"/></tt:Source>` +
		`<tt:Data><tt:SimpleItem Name="` + item + `" Value="` + value + `"/></tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>`
}

// eventDevice adds a pull point to a fake. Time is the test's: sleeping moves
// it, and so does every PullMessages that waits.
type eventDevice struct {
	*fakeDevice
	client *Client

	mu           sync.Mutex
	now          time.Time
	slept        []time.Duration
	address      string // of the subscription; empty: absolute and right
	life         time.Duration
	blocks       bool // PullMessages waits for its timeout
	renewRefused bool
	pullFails    bool
	relativeOnly bool
	open         int // subscriptions that nobody ended
	mostOpen     int
	pulls        int
	messages     []string // one PullMessages each
	afterPull    func(n int)
	afterSleep   func(n int)
}

func newEventDevice(t *testing.T) *eventDevice {
	d := &eventDevice{fakeDevice: newFake(t).locked(true, false), life: time.Minute, now: time.Now()}
	d.client = d.fakeDevice.client(testCredentials)
	require.NoError(t, d.client.connect(context.Background()))
	d.client.now = func() time.Time {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.now
	}
	d.client.sleep = func(ctx context.Context, s time.Duration) error {
		d.mu.Lock()
		d.now = d.now.Add(s)
		d.slept = append(d.slept, s)
		n, after := len(d.slept), d.afterSleep
		d.mu.Unlock()
		if after != nil {
			after(n)
		}
		return ctx.Err()
	}
	// Signing follows the test's clock: so must the device's check of it.
	d.replies["events.CreatePullPointSubscription"] = d.create
	for _, path := range []string{"events", "sub/1"} {
		d.replies[path+".PullMessages"] = d.pull
		d.replies[path+".Renew"] = d.renew
		d.replies[path+".Unsubscribe"] = d.unsubscribe
	}
	d.user = "" // the clock of signatures is tested elsewhere
	return d
}

func (d *eventDevice) create(_ *http.Request, body string) (int, string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.relativeOnly && strings.Contains(body, ">PT") {
		return 400, soapFault("Sender", "ter:InvalidArgVal", "absolute time wanted")
	}
	d.open++
	d.mostOpen = max(d.mostOpen, d.open)
	address := d.address
	if address == "" {
		address = d.srv.URL + "/onvif/sub/1"
	}
	return 200, soapHead + `<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference><wsa5:Address>` + address + `</wsa5:Address>` +
		`<wsa5:ReferenceParameters><x:SubscriptionId xmlns:x="http://maker.example/x">42</x:SubscriptionId></wsa5:ReferenceParameters></tev:SubscriptionReference>` +
		`<wsnt:CurrentTime>2026-11-22T09:00:00Z</wsnt:CurrentTime><wsnt:TerminationTime>` + time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC).Add(d.life).Format(time.RFC3339) +
		`</wsnt:TerminationTime></tev:CreatePullPointSubscriptionResponse>` + soapTail
}

func (d *eventDevice) pull(_ *http.Request, body string) (int, string) {
	d.mu.Lock()
	d.pulls++
	n, after, fails := d.pulls, d.afterPull, d.pullFails
	message := ""
	if len(d.messages) > 0 {
		message, d.messages = d.messages[0], d.messages[1:]
	} else if d.blocks {
		var s int
		_, _ = fmt.Sscanf(find(reTimeout, body), "PT%dS", &s)
		d.now = d.now.Add(time.Duration(s) * time.Second)
	}
	d.mu.Unlock()
	if after != nil {
		after(n)
	}
	if fails {
		return 500, soapFault("Receiver", "wsrf-rw:ResourceUnknownFault", "gone")
	}
	return 200, soapHead + `<tev:PullMessagesResponse>` + message + `</tev:PullMessagesResponse>` + soapTail
}

func (d *eventDevice) renew(*http.Request, string) (int, string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.renewRefused {
		return 500, soapFault("Receiver", "ter:ActionNotSupported", "no renew")
	}
	return 200, soapHead + `<wsnt:RenewResponse/>` + soapTail
}

func (d *eventDevice) unsubscribe(*http.Request, string) (int, string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	return 200, soapHead + `<wsnt:UnsubscribeResponse/>` + soapTail
}

func (d *eventDevice) stillOpen() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open
}

// run collects events until stop says so.
func (d *eventDevice) run(stop func(cancel context.CancelFunc)) ([]Event, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop(cancel)
	var list []Event
	err := d.client.Events(ctx, func(e Event) { list = append(list, e) })
	return list, err
}

func TestEventsAreNormalised(t *testing.T) {
	d := newEventDevice(t)
	d.messages = []string{
		notification("tns1:VideoSource/GlobalSceneChange/ImagingService", "Initialized", "State", "false") +
			notification("tns1:VideoSource/ImageTooDark/AnalyticsService", "Changed", "State", "true") +
			notification("tns1:Device/Trigger/DigitalInput", "Changed", "LogicalState", "true"),
		notification("tns1:VideoSource/ImageTooBright/ImagingService", "Changed", "State", "1") +
			notification("tns1:VideoSource/ImageTooBlurry/ImagingService", "Deleted", "State", "true") +
			notification("tns1:VideoSource/SignalLoss", "Changed", "IsSignalLoss", "false") +
			notification("tns1:RuleEngine/TamperDetector/Tamper", "Changed", "IsTamper", "true") +
			notification("tns1:VideoSource/tnsaxis:Tampering", "Changed", "tampering", "1"),
	}
	d.afterPull = nil
	list, err := d.run(func(cancel context.CancelFunc) {
		d.afterPull = func(n int) {
			if n == 3 {
				cancel()
			}
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	type short struct {
		Kind            EventKind
		Active, Initial bool
	}
	var got []short
	for _, e := range list {
		got = append(got, short{e.Kind, e.Active, e.Initial})
		require.Equal(t, "lens1", e.Source)
		require.Equal(t, time.Date(2026, 11, 22, 9, 0, 0, 500_000_000, time.UTC), e.CameraTime)
		require.False(t, e.At.IsZero())
	}
	require.Equal(t, []short{{EventSceneChange, false, true}, {EventTooDark, true, false}, {EventTooBright, true, false}, {EventTooBlurry, false, false},
		{EventSignalLoss, false, false}, {EventTamper, true, false}, {EventTamper, true, false}}, got)
	require.Zero(t, d.stillOpen(), "unsubscribed although the context had ended")
	require.Contains(t, d.allBodies(), `IsReferenceParameter="true">42</rp:SubscriptionId>`)
	require.Contains(t, d.allBodies(), actionPull)
}

func TestRobust09RelativeAndWrongSubscriptionAddresses(t *testing.T) {
	for _, address := range []string{"/onvif/sub/1", "sub/1", "http://192.168.99.99/onvif/sub/1?Idx=3", "http://[fe80::1]:80/onvif/sub/1"} {
		t.Run(address, func(t *testing.T) {
			d := newEventDevice(t)
			d.address = address
			d.messages = []string{notification("tns1:VideoSource/ImageTooDark", "Changed", "State", "true")}
			list, err := d.run(func(cancel context.CancelFunc) { d.afterSleep = func(int) { cancel() } })
			require.ErrorIs(t, err, context.Canceled)
			require.Len(t, list, 1)
			require.Equal(t, 1, d.count("sub/1.PullMessages"))
			require.Zero(t, d.stillOpen())
		})
	}
}

// A PullMessages that never waits is asked once a second, not in a hot loop.
func TestRobust09PullMessagesThatNeverBlocks(t *testing.T) {
	d := newEventDevice(t)
	_, err := d.run(func(cancel context.CancelFunc) {
		d.afterSleep = func(n int) {
			if n == 20 {
				cancel()
			}
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 20, d.count("sub/1.PullMessages"))
	for _, s := range d.slept {
		require.Equal(t, floorEmpty, s)
	}
}

// Refused Renew: given up before it runs out, another one made, none leaked.
func TestRobust09RenewRefused(t *testing.T) {
	d := newEventDevice(t)
	d.blocks, d.renewRefused = true, true
	_, err := d.run(func(cancel context.CancelFunc) {
		d.afterPull = func(n int) {
			if n == 12 {
				cancel()
			}
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	created := d.count("events.CreatePullPointSubscription")
	require.GreaterOrEqual(t, created, 3)
	require.Equal(t, created, d.count("sub/1.Renew"), "asked once per subscription")
	require.Equal(t, 1, d.mostOpen)
	require.Zero(t, d.stillOpen())
}

func TestRobust09RenewKeepsOneSubscription(t *testing.T) {
	d := newEventDevice(t)
	d.blocks = true
	_, err := d.run(func(cancel context.CancelFunc) {
		d.afterPull = func(n int) {
			if n == 30 {
				cancel()
			}
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, d.count("events.CreatePullPointSubscription"))
	require.GreaterOrEqual(t, d.count("sub/1.Renew"), 10)
}

// A camera that drops every subscription is asked ever more seldom.
func TestRobust09RecreatesWithBackoff(t *testing.T) {
	d := newEventDevice(t)
	d.pullFails = true
	var log strings.Builder
	d.client.options.Log = slog.New(slog.NewTextHandler(&log, nil))
	_, err := d.run(func(cancel context.CancelFunc) {
		d.afterSleep = func(n int) {
			if n == 12 {
				cancel()
			}
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, d.mostOpen)
	require.Zero(t, d.stillOpen())
	require.GreaterOrEqual(t, d.slept[0], 500*time.Millisecond)
	require.GreaterOrEqual(t, d.slept[11], 15*time.Second)
	for _, s := range d.slept {
		require.LessOrEqual(t, s, 90*time.Second)
	}
	require.Equal(t, 12, strings.Count(log.String(), "ResourceUnknownFault"), "operators are told why")
}

func TestEventsAbsoluteTerminationTime(t *testing.T) {
	d := newEventDevice(t)
	d.relativeOnly = true
	_, err := d.run(func(cancel context.CancelFunc) { d.afterPull = func(int) { cancel() } })
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 2, d.count("events.CreatePullPointSubscription"))
}

func TestEventsWithoutPullPoints(t *testing.T) {
	d := newEventDevice(t)
	delete(d.replies, "events.CreatePullPointSubscription")
	_, err := d.run(func(context.CancelFunc) {})
	require.Equal(t, lieciba.CodeUnsupported, lieciba.CodeOf(err))
}
