package onvif

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"lieciba"
)

// The actions of WS-Addressing (ONVIF Core, 9.2; WS-BaseNotification 1.3).
const (
	actionPull        = nsEvents + "/PullPointSubscription/PullMessagesRequest"
	actionCreate      = nsEvents + "/EventPortType/CreatePullPointSubscriptionRequest"
	actionRenew       = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/RenewRequest"
	actionUnsubscribe = "http://docs.oasis-open.org/wsn/bw-2/SubscriptionManager/UnsubscribeRequest"
)

// subscription is one pull point. Not safe for concurrent use.
type subscription struct {
	client     *Client
	url        *url.URL
	to         string   // the address as the camera told it, for wsa:To
	parameters []rawXML // reference parameters, to be echoed (WS-Addressing 1.0 SOAP binding, 3.3)
	renewed    time.Time
	life       time.Duration
	noRenew    bool
}

type xmlReference struct {
	Current     string `xml:"CurrentTime"`
	Termination string `xml:"TerminationTime"`
	Address     string `xml:"SubscriptionReference>Address"`
	Parameters  struct {
		List []xmlParameter `xml:",any"`
	} `xml:"SubscriptionReference>ReferenceParameters"`
}

type xmlParameter struct {
	XMLName xml.Name
	Value   string `xml:",chardata"`
}

func (p xmlParameter) header() rawXML {
	return rawXML(`<rp:` + p.XMLName.Local + ` xmlns:rp="` + escape(p.XMLName.Space) + `" wsa:IsReferenceParameter="true">` +
		escape(strings.TrimSpace(p.Value)) + `</rp:` + p.XMLName.Local + `>`)
}

// subscribe creates a pull point for a minute; cameras that refuse a relative
// time are given an absolute one in their own time.
func (c *Client) subscribe(ctx context.Context) (*subscription, error) {
	events, ok, err := c.service(ctx, nsEvents)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoPullPoints
	}
	started := c.now()
	ref, err := c.createPullPoint(ctx, events, fmt.Sprintf("PT%dS", int(subscriptionLife.Seconds())))
	var f *Fault
	if errors.As(err, &f) {
		until := c.now().Add(c.auth.clockOffset() + subscriptionLife).UTC().Format("2006-01-02T15:04:05Z")
		ref, err = c.createPullPoint(ctx, events, until)
	}
	if errors.As(err, &f) && f.has("ActionNotSupported", "OptionalActionNotImplemented", "UnknownAction", "PullPointsNotSupported") {
		return nil, errNoPullPoints
	}
	if err != nil {
		return nil, err
	}
	s := &subscription{client: c, url: events, to: events.String(), renewed: started, life: lifeOf(ref)}
	if told := strings.TrimSpace(ref.Address); told != "" {
		u, ok := redial(events, c.ownURL(), told)
		if !ok {
			return nil, lieciba.Errorf(lieciba.CodeUnsupported, "the camera names no usable subscription address")
		}
		s.url, s.to = u, u.String()
		if a, err := url.Parse(told); err == nil && a.IsAbs() {
			s.to = told
		}
	}
	for _, p := range ref.Parameters.List {
		s.parameters = append(s.parameters, p.header())
	}
	return s, nil
}

func (c *Client) createPullPoint(ctx context.Context, events *url.URL, until string) (xmlReference, error) {
	var ref xmlReference
	err := c.call(ctx, events.String(), rawXML(`<tev:CreatePullPointSubscription><tev:InitialTerminationTime>`+until+
		`</tev:InitialTerminationTime></tev:CreatePullPointSubscription>`), &ref, withHeader(addressing(actionCreate, events.String())...))
	return ref, err
}

// lifeOf is how long the camera granted, within reason.
func lifeOf(r xmlReference) time.Duration {
	from, err1 := time.Parse(time.RFC3339, strings.TrimSpace(r.Current))
	to, err2 := time.Parse(time.RFC3339, strings.TrimSpace(r.Termination))
	if err1 != nil || err2 != nil || !to.After(from) {
		return subscriptionLife
	}
	return min(max(to.Sub(from), 10*time.Second), 10*time.Minute)
}

func addressing(action, to string) []rawXML {
	return []rawXML{
		rawXML(`<wsa:Action>` + action + `</wsa:Action>`),
		rawXML(`<wsa:MessageID>urn:uuid:` + lieciba.NewID[string](time.Now()) + `</wsa:MessageID>`),
		rawXML(`<wsa:To>` + escape(to) + `</wsa:To>`),
	}
}

func (s *subscription) call(ctx context.Context, action string, body rawXML, out any, o ...callOption) error {
	o = append(o, withHeader(addressing(action, s.to)...), withHeader(s.parameters...))
	return s.client.call(ctx, s.url.String(), body, out, o...)
}

// keepAlive renews at half of the life. A refused Renew is not repeated: the
// subscription is given up shortly before it ends, and another one made.
func (s *subscription) keepAlive(ctx context.Context) error {
	age := s.client.now().Sub(s.renewed)
	if s.noRenew && age > s.life-s.life/4 {
		return errExpired
	}
	if s.noRenew || age < s.life/2 {
		return nil
	}
	started := s.client.now()
	err := s.call(ctx, actionRenew, rawXML(fmt.Sprintf(`<wsnt:Renew><wsnt:TerminationTime>PT%dS</wsnt:TerminationTime></wsnt:Renew>`,
		int(subscriptionLife.Seconds()))), nil)
	if signInFailed(err) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		s.noRenew = true
		return nil
	}
	s.renewed = started
	return nil
}

// pull waits for messages and hands the known ones to handle. It returns how
// many messages came.
func (s *subscription) pull(ctx context.Context, handle func(Event)) (int, error) {
	wait := min(pullTimeout, s.life/3)
	var out struct {
		Messages []xmlNotification `xml:"NotificationMessage"`
	}
	err := s.call(ctx, actionPull, rawXML(fmt.Sprintf(`<tev:PullMessages><tev:Timeout>PT%dS</tev:Timeout>`+
		`<tev:MessageLimit>32</tev:MessageLimit></tev:PullMessages>`, int(wait.Seconds()))), &out,
		within(wait+s.client.options.CallTimeout))
	if err != nil {
		return 0, err
	}
	for _, m := range out.Messages {
		if e, ok := normalise(m, s.client.now()); ok {
			handle(e)
		}
	}
	return len(out.Messages), nil
}

// unsubscribe frees the camera's slot, also when ctx has ended: cameras have
// few, and a leaked one lasts until it expires. Its failure cures itself so.
func (s *subscription) unsubscribe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unsubscribeTime)
	defer cancel()
	_ = s.call(ctx, actionUnsubscribe, `<wsnt:Unsubscribe></wsnt:Unsubscribe>`, nil)
}
