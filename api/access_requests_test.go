package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

// The rows are tried with the tokens of machines, which may ask and use, and
// never approve: TestFourEyesOverHTTP has the people.
func init() {
	topics = append(topics, accessTable{rows: map[string]string{
		"GET /v1/requests":               "yes yes yes yes yes - - -",
		"POST /v1/requests":              "own all - all - - - -",
		"GET /v1/requests/:id":           "mine mine all all mine - - -",
		"PATCH /v1/requests/:id":         "mine mine - all - - - -", // it is about a grant: administrators may not ask for one
		"DELETE /v1/requests/:id":        "mine mine - all mine - - -",
		"POST /v1/requests/:id/approval": "- - - - - - - -",
		"POST /v1/requests/:id/refusal":  "- - all all - - - -",
		"POST /v1/requests/:id/use":      "mine mine - all mine - - -",
		"GET /v1/grants":                 "yes yes yes yes yes - - -",
		"DELETE /v1/grants/:id":          "mine mine all all mine - - -",
	}, id: requestsID, body: requestsBody, changing: requestsChanging,
		entries: map[string]int{"POST /v1/requests/:id/use": 2}}) // of the use, and of the act
}

// requestsID makes the request or the grant of a role: its own where it may ask,
// else somebody's.
func requestsID(k *walk, name string, p place, role lieciba.Role) (string, bool) {
	switch {
	case strings.Contains(name, "/grants/:id"):
		return string(k.w.grant(k.w.principal(role), p.session).ID), true
	case !strings.Contains(name, "/requests/:id"):
		return "", false
	}
	who := k.w.principal(role)
	if role == lieciba.RoleApprover || strings.HasSuffix(name, "/refusal") {
		who = lieciba.Principal{ID: lieciba.NewID[string](start), Name: "somebody"}
	}
	var r lieciba.Request
	if role == lieciba.RoleAdmin && strings.HasSuffix(name, "/use") {
		u := k.w.user("r"+lieciba.NewID[string](start)[24:], goodPassword, nil, lieciba.RoleReviewer)
		r = k.w.ask(lieciba.RequestRoles, lieciba.Asked{UserID: u.ID, Roles: []lieciba.Role{lieciba.RoleSecurity}}, who)
	} else {
		r = k.w.ask(lieciba.RequestGrant, k.w.grantAsked(p.session), who)
	}
	if strings.HasSuffix(name, "/use") {
		r = k.w.approve(r)
	}
	return string(r.ID), true
}

func requestsBody(k *walk, name string, p place) (any, bool) {
	switch name {
	case "POST /v1/requests":
		return k.w.grantBody(p.session), true
	case "PATCH /v1/requests/:id":
		body := k.w.grantBody(p.session)
		body["reason"] = "A phone was seen at seat 4"
		return body, true
	case "POST /v1/requests/:id/approval":
		return map[string]any{"digest": strings.Repeat("0", 64)}, true
	case "POST /v1/requests/:id/refusal":
		return map[string]any{"note": "The range is wider than the appeal"}, true
	}
	return nil, false
}

// requestsChanging signs an approver in: no machine approves.
func requestsChanging(k *walk, name string, r route) (request, bool) {
	if name != "POST /v1/requests/:id/approval" {
		return request{}, false
	}
	login := "a" + lieciba.NewID[string](start)[24:]
	b := k.w.person(login, lieciba.RoleApprover)
	k.w.provedByPasskey(login)
	asked := k.w.ask(lieciba.RequestGrant, k.w.grantAsked(k.w.own.session), k.w.principal(lieciba.RoleReviewer))
	return request{method: r.method, path: strings.Replace(r.path, ":id", string(asked.ID), 1), client: b,
		body: map[string]any{"digest": digestText(asked)}}, true
}

// person signs a new person in, with a password, from a browser of their own.
func (w *world) person(login string, roles ...lieciba.Role) *http.Client {
	w.user(login, goodPassword, []lieciba.SiteID{w.own.site.ID}, roles...)
	b := w.browser()
	w.signIn(b, login, goodPassword).want(200)
	return b
}

// provedByPasskey notes a fresh proof by passkey in all sign-ins of a person.
func (w *world) provedByPasskey(login string) {
	u, err := w.catalog.UserByLogin(w.t.Context(), login)
	require.NoError(w.t, err)
	all, err := w.catalog.ListSignIns(w.t.Context(), u.ID)
	require.NoError(w.t, err)
	for _, in := range all {
		in.FreshAt, in.FreshBy = w.clock.Now(), lieciba.SignInPasskey
		require.NoError(w.t, w.catalog.PutSignIn(w.t.Context(), in))
	}
}

// principal is who the token of a role stands for.
func (w *world) principal(role lieciba.Role) lieciba.Principal {
	return lieciba.Principal{ID: string(w.ids[role]), Name: "token-" + string(role), Machine: true, Roles: []lieciba.Role{role}, SiteIDs: []lieciba.SiteID{w.own.site.ID}}
}

// grantAsked asks for all of a session for an hour, because of an appeal.
func (w *world) grantAsked(x lieciba.ExamSession) lieciba.Asked {
	return lieciba.Asked{SessionID: x.ID, Until: w.clock.Now().Add(time.Hour), Appeal: w.appeal(x).Reference}
}

// grantBody is grantAsked as it is sent.
func (w *world) grantBody(x lieciba.ExamSession) map[string]any {
	a := w.grantAsked(x)
	return map[string]any{"kind": "grant", "reason": "A phone was seen at seat 3", "session_id": x.ExternalID,
		"until": a.Until.Format(time.RFC3339), "appeal": a.Appeal}
}

// appeal opens one on a session.
func (w *world) appeal(x lieciba.ExamSession) lieciba.Appeal {
	reference := "A-" + lieciba.NewID[string](start)[24:]
	a, err := w.catalog.ChangeAppeal(w.t.Context(), x.ID, reference, func(*lieciba.Appeal) (*lieciba.Appeal, error) {
		return &lieciba.Appeal{ID: lieciba.NewID[lieciba.AppealID](start), SessionID: x.ID, Reference: reference, Source: lieciba.SourceByHand,
			State: lieciba.AppealOpened, OpenedBy: "somebody", OpenedByID: lieciba.NewID[string](start), OpenedAt: start}, nil
	})
	require.NoError(w.t, err)
	return a
}

// ask stores a request of somebody.
func (w *world) ask(kind lieciba.RequestKind, a lieciba.Asked, who lieciba.Principal) lieciba.Request {
	r, err := lieciba.NewRequest(kind, a, "somebody needs it", who, w.clock.Now())
	require.NoError(w.t, err)
	require.NoError(w.t, w.catalog.PutRequest(w.t.Context(), r))
	return r
}

// approve lets somebody else approve a request, in the catalogue.
func (w *world) approve(r lieciba.Request) lieciba.Request {
	u := lieciba.User{ID: lieciba.NewID[lieciba.UserID](start), Login: "another-" + lieciba.NewID[string](start)[24:], Roles: []lieciba.Role{lieciba.RoleApprover}, CreatedAt: start}
	require.NoError(w.t, w.catalog.PutUser(w.t.Context(), u))
	by := lieciba.Principal{ID: string(u.ID), Name: u.Login, Roles: u.Roles}
	in := lieciba.SignIn{ID: lieciba.NewID[lieciba.SignInID](start), UserID: lieciba.UserID(by.ID), FreshAt: w.clock.Now(), FreshBy: lieciba.SignInPasskey}
	out, err := w.catalog.ChangeRequest(w.t.Context(), r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
		next, err := r.Approve(by, in, r.Digest, w.clock.Now(), lieciba.SignInPasskey)
		return &next, err
	})
	require.NoError(w.t, err)
	return out
}

// grant lets somebody see all of a session for a day.
func (w *world) grant(who lieciba.Principal, x lieciba.ExamSession) lieciba.Grant {
	return w.grantOf(who, lieciba.Grant{SessionID: x.ID, ExpiresAt: w.clock.Now().Add(24 * time.Hour)})
}

// grantOf stores a grant with the request that it came of.
func (w *world) grantOf(who lieciba.Principal, g lieciba.Grant) lieciba.Grant {
	a := lieciba.Asked{SessionID: g.SessionID, CameraIDs: g.CameraIDs, From: g.From, To: g.To, Until: g.ExpiresAt, Appeal: g.Appeal}
	g.ID = lieciba.NewID[lieciba.GrantID](w.clock.Now())
	r, err := w.catalog.ChangeRequest(w.t.Context(), w.approve(w.ask(lieciba.RequestGrant, a, who)).ID, func(r lieciba.Request) (*lieciba.Request, error) {
		next, err := r.Use(who, "grant:"+string(g.ID), w.clock.Now())
		return &next, err
	})
	require.NoError(w.t, err)
	g.RequestID, g.HolderID, g.Holder, g.ApprovedBy, g.Reason = r.ID, who.ID, who.Name, r.DecidedBy, r.Reason
	g.BeganAt, g.ExpiresAt = lieciba.Micro(w.clock.Now()), lieciba.Micro(g.ExpiresAt)
	require.NoError(w.t, w.catalog.PutGrant(w.t.Context(), g))
	return g
}
