package verify_test

import (
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

var (
	asker    = lieciba.Principal{ID: "u1", Name: "I. Izskatītāja", SignIn: "s1"}
	approver = lieciba.Principal{ID: "u2", Name: "A. Apstiprinātājs", SignIn: "s2", Roles: []lieciba.Role{lieciba.RoleApprover}}
)

// live gives a session what an exam leaves behind: incidents that were corrected,
// reviewed and retracted, a part whose start was corrected and whose pause never
// was, a camera that failed its check and was let through, and a sign-off.
func (h *house) live(x exam) {
	h.check(x)
	h.mark(x)
	part := x.session.Parts[0]
	first := h.part(x, lieciba.PartEvent{PartID: part.ID, Step: lieciba.StepStarted, At: start.Add(time.Second)})
	h.part(x, lieciba.PartEvent{PartID: part.ID, Step: lieciba.StepStarted, At: start.Add(500 * time.Millisecond), Corrects: first, Note: "sākās agrāk"})
	pause := h.part(x, lieciba.PartEvent{PartID: part.ID, Step: lieciba.StepPaused, At: start.Add(2 * time.Second)})
	h.part(x, lieciba.PartEvent{PartID: part.ID, Step: lieciba.StepPaused, At: start.Add(2 * time.Second), Corrects: pause, Void: true, Note: "nebija pārtraukuma"})
	h.part(x, lieciba.PartEvent{PartID: part.ID, Step: lieciba.StepEnded, At: x.session.EndsAt})
}

func (h *house) mark(x exam) {
	row := func(i lieciba.Incident) lieciba.IncidentID {
		i.ID, i.SessionID, i.By, i.ByID = lieciba.NewID[lieciba.IncidentID](start), x.session.ID, "N. Novērotāja", "u3"
		i.RecordedAt = lieciba.Micro(h.now())
		require.NoError(h.t, h.catalog.AddIncident(h.ctx, i))
		return i.ID
	}
	at := start.Add(1500 * time.Millisecond)
	phone := row(lieciba.Incident{CameraID: x.cameras[0], At: at, Seat: 4, Kind: lieciba.IncidentPhone, Note: "tālrunis uz galda", Step: lieciba.IncidentRaised})
	row(lieciba.Incident{CameraID: x.cameras[0], At: at, Seat: 5, Kind: lieciba.IncidentPhone, Note: "tālrunis uz galda", Step: lieciba.IncidentCorrected, Follows: phone})
	row(lieciba.Incident{CameraID: x.cameras[0], At: at, Seat: 5, Kind: lieciba.IncidentPhone, Step: lieciba.IncidentReviewed, Follows: phone})
	talk := row(lieciba.Incident{At: at, Kind: lieciba.IncidentTalking, Step: lieciba.IncidentRaised})
	row(lieciba.Incident{At: at, Kind: lieciba.IncidentTalking, Step: lieciba.IncidentRetracted, Follows: talk})
}

func (h *house) part(x exam, e lieciba.PartEvent) lieciba.PartEventID {
	e.ID, e.SessionID, e.By, e.ByID = lieciba.NewID[lieciba.PartEventID](start), x.session.ID, "V. Vadītājs", "u4"
	e.At, e.RecordedAt = lieciba.Micro(e.At), lieciba.Micro(h.now())
	require.NoError(h.t, h.catalog.AddPartEvent(h.ctx, x.session.ID, func(lieciba.ExamSession, []lieciba.PartEvent) (*lieciba.PartEvent, error) { return &e, nil }))
	return e.ID
}

func (h *house) check(x exam) {
	row := func(r lieciba.Readiness) lieciba.ReadinessID {
		r.ID, r.SessionID, r.At = lieciba.NewID[lieciba.ReadinessID](start), x.session.ID, lieciba.Micro(h.now())
		require.NoError(h.t, h.catalog.AddReadiness(h.ctx, r))
		return r.ID
	}
	for i, camera := range x.cameras {
		r := lieciba.Readiness{CameraID: camera, NodeID: h.node, When: lieciba.ReadinessT60, State: lieciba.ReadinessPassed, By: "system", Items: []lieciba.ReadinessItem{
			{Check: lieciba.CheckPicture, Outcome: lieciba.OutcomePassed, Fact: "ok", Value: 24.98, Unit: "fps", Measured: "25 pictures in a second"},
			{Check: lieciba.CheckSound, Outcome: lieciba.OutcomeNotNeeded, Fact: "not_needed", Measured: "no part needs sound"}}}
		if i == 0 {
			r.State, r.Items[0].Outcome, r.Items[0].Fact = lieciba.ReadinessFailed, lieciba.OutcomeFailed, "dark"
		}
		id := row(r)
		if i == 0 {
			row(lieciba.Readiness{CameraID: camera, NodeID: h.node, When: lieciba.ReadinessByHand, State: lieciba.ReadinessOverridden, Follows: id,
				Reason: "gaisma ieslēgta", By: "V. Vadītājs", ByID: "u4"})
		}
	}
	row(lieciba.Readiness{NodeID: h.node, When: lieciba.ReadinessByHand, State: lieciba.ReadinessPassed, By: "V. Vadītājs", ByID: "u4"})
}

// allow has an export asked for, approved by another person and used; it returns
// the export as the API makes it of the request.
func (h *house) allow(e lieciba.Export) lieciba.Export {
	asked := lieciba.Asked{SessionID: e.SessionID, CameraIDs: e.CameraIDs, From: e.From, To: e.To, RecipientName: e.RecipientName, RecipientKind: "appeal_board"}
	r, err := lieciba.NewRequest(lieciba.RequestExport, asked, e.Purpose, asker, h.now())
	require.NoError(h.t, err)
	require.NoError(h.t, h.catalog.PutRequest(h.ctx, r))
	change := func(next func(lieciba.Request) (lieciba.Request, error)) {
		r, err = h.catalog.ChangeRequest(h.ctx, r.ID, func(r lieciba.Request) (*lieciba.Request, error) {
			r, err := next(r)
			return &r, err
		})
		require.NoError(h.t, err)
	}
	at := h.now()
	change(func(r lieciba.Request) (lieciba.Request, error) {
		in := lieciba.SignIn{ID: approver.SignIn, UserID: lieciba.UserID(approver.ID), FreshAt: at, FreshBy: lieciba.SignInPasskey}
		return r.Approve(approver, in, r.Digest, at, lieciba.SignInPasskey)
	})
	change(func(r lieciba.Request) (lieciba.Request, error) { return r.Use(asker, "export:"+string(e.ID), at) })
	e.RequestID, e.ApprovedBy, e.RequestedBy, e.RequestedByID = r.ID, r.DecidedBy, r.AskedBy, r.AskedByID
	return e
}
