package virtualcam

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"lieciba"
)

// Topics of events that the camera can raise.
const (
	TopicTamper      = "tns1:RuleEngine/TamperDetector/Tamper"
	TopicSceneChange = "tns1:VideoSource/GlobalSceneChange/ImagingService"
	TopicTooDark     = "tns1:VideoSource/ImageTooDark/ImagingService"
	TopicSignalLoss  = "tns1:VideoSource/SignalLoss"
)

// events keeps pull-point subscriptions (ONVIF Core, section Event handling).
type events struct {
	mu   sync.Mutex
	subs map[string]*subscription
	bell chan struct{} // closed and renewed when something happens
	over bool
}

type subscription struct {
	queue []string
	until time.Time
}

func newEvents() *events {
	return &events{subs: map[string]*subscription{}, bell: make(chan struct{})}
}

func (e *events) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over = true
	e.ring()
}

// expire forgets what was neither pulled nor renewed in time. The lock is held.
func (e *events) expire(now time.Time) {
	maps.DeleteFunc(e.subs, func(_ string, s *subscription) bool { return now.After(s.until) })
}

func (e *events) ring() {
	close(e.bell)
	e.bell = make(chan struct{})
}

// Subscriptions counts the pull points that are open.
func (c *Camera) Subscriptions() int {
	c.events.mu.Lock()
	defer c.events.mu.Unlock()
	return len(c.events.subs)
}

// Raise sends an event with a boolean state to every subscriber.
func (c *Camera) Raise(topic string, on bool) {
	now := c.now()
	text := fmt.Sprintf(`<wsnt:NotificationMessage><wsnt:Topic Dialect="http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet">%s</wsnt:Topic>`+
		`<wsnt:Message><tt:Message UtcTime="%s" PropertyOperation="Changed"><tt:Source><tt:SimpleItem Name="Source" Value="lens"/></tt:Source>`+
		`<tt:Data><tt:SimpleItem Name="State" Value="%t"/></tt:Data></tt:Message></wsnt:Message></wsnt:NotificationMessage>`,
		topic, now.Format(time.RFC3339), on)
	e := c.events
	e.mu.Lock()
	defer e.mu.Unlock()
	e.expire(now)
	for _, s := range e.subs {
		s.queue = append(s.queue, text)
	}
	e.ring()
}

// eventService answers the Events service and the subscriptions it made, whose
// address ends with their ID.
func (c *Camera) eventService(r *http.Request, op, body string) (string, bool) {
	id := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	switch op {
	case "CreatePullPointSubscription":
		return c.subscribe(), true
	case "PullMessages":
		return c.pull(r, id, body)
	case "Renew":
		if c.fault().NoRenew || !c.events.renew(id, c.now()) {
			return "", false
		}
		return `<wsnt:RenewResponse>` + c.terms() + `</wsnt:RenewResponse>`, true
	case "Unsubscribe":
		c.events.mu.Lock()
		delete(c.events.subs, id)
		c.events.mu.Unlock()
		return `<wsnt:UnsubscribeResponse/>`, true
	case "SetSynchronizationPoint":
		return `<tev:SetSynchronizationPointResponse/>`, true
	case "GetEventProperties":
		return `<tev:GetEventPropertiesResponse><wsnt:FixedTopicSet>true</wsnt:FixedTopicSet></tev:GetEventPropertiesResponse>`, true
	}
	return "", false
}

const subscriptionLength = time.Minute

func (c *Camera) terms() string {
	now := c.now()
	return `<wsnt:TerminationTime>` + now.Add(subscriptionLength).Format(time.RFC3339) + `</wsnt:TerminationTime><wsnt:CurrentTime>` + now.Format(time.RFC3339) + `</wsnt:CurrentTime>`
}

func (c *Camera) subscribe() string {
	id := lieciba.NewID[string](time.Now())
	c.events.mu.Lock()
	c.events.subs[id] = &subscription{until: c.now().Add(subscriptionLength)}
	c.events.mu.Unlock()
	address := c.scheme() + c.host() + "/onvif/events/" + id
	if c.fault().Relative {
		address = "/onvif/events/" + id
	}
	now := c.now()
	return `<tev:CreatePullPointSubscriptionResponse><tev:SubscriptionReference><wsa:Address>` + address + `</wsa:Address></tev:SubscriptionReference>` +
		`<wsnt:CurrentTime>` + now.Format(time.RFC3339) + `</wsnt:CurrentTime><wsnt:TerminationTime>` + now.Add(subscriptionLength).Format(time.RFC3339) + `</wsnt:TerminationTime></tev:CreatePullPointSubscriptionResponse>`
}

func (e *events) renew(id string, now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.expire(now)
	s := e.subs[id]
	if s != nil {
		s.until = now.Add(subscriptionLength)
	}
	return s != nil
}

var timeout = regexp.MustCompile(`<(?:[\w-]+:)?Timeout[^>]*>PT([0-9.]+)S<`)

// pull waits for messages as long as the request asks, at most a minute.
func (c *Camera) pull(r *http.Request, id, body string) (string, bool) {
	wait, err := time.ParseDuration(first(timeout, body) + "s")
	if err != nil || wait > time.Minute {
		wait = time.Minute
	}
	if c.fault().HotPull {
		wait = 0
	}
	end := time.NewTimer(wait)
	defer end.Stop()
	for last := wait == 0; ; {
		messages, bell, ok := c.events.take(id, c.now())
		if !ok {
			return "", false
		}
		if len(messages) > 0 || last {
			now := c.now()
			return `<tev:PullMessagesResponse><tev:CurrentTime>` + now.Format(time.RFC3339) + `</tev:CurrentTime><tev:TerminationTime>` +
				now.Add(subscriptionLength).Format(time.RFC3339) + `</tev:TerminationTime>` + strings.Join(messages, "") + `</tev:PullMessagesResponse>`, true
		}
		select {
		case <-bell:
		case <-end.C:
			last = true
		case <-r.Context().Done():
			last = true
		}
	}
}

// take empties a subscription's queue; false when it is gone or the camera stops.
func (e *events) take(id string, now time.Time) ([]string, <-chan struct{}, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.expire(now)
	s := e.subs[id]
	if s == nil || e.over {
		return nil, nil, false
	}
	q := s.queue
	s.queue, s.until = nil, now.Add(subscriptionLength)
	return q, e.bell, true
}
