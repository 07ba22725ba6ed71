package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"lieciba"
)

var placeTests = map[string]func(*testing.T, *world){
	"Sites": func(t *testing.T, w *world) {
		got, err := w.Site(w.ctx, w.site.ID)
		require.NoError(t, err)
		require.Equal(t, w.site, got)
		_, err = w.Site(w.ctx, newID[lieciba.SiteID]())
		requireCode(t, err, lieciba.CodeNotFound, "")

		other := newSite("daugavpils")
		require.NoError(t, w.PutSite(w.ctx, other))
		list, err := w.ListSites(w.ctx)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Site{other, w.site}, list, "by code")

		taken := newSite("riga")
		requireCode(t, w.PutSite(w.ctx, taken), lieciba.CodeConflict, "code")
		other.Code = "riga"
		requireCode(t, w.PutSite(w.ctx, other), lieciba.CodeConflict, "code")
		other.Code, other.State, other.Mobile, other.Name = "d-2", lieciba.PlaceRetired, false, "Cits"
		require.NoError(t, w.PutSite(w.ctx, other))
		got, err = w.Site(w.ctx, other.ID)
		require.NoError(t, err)
		require.Equal(t, other, got)
	},

	"Rooms": func(t *testing.T, w *world) {
		far := newSite("liepaja")
		require.NoError(t, w.PutSite(w.ctx, far))
		a, b := newRoom(w.site, "riga-0"), newRoom(far, "aa")
		require.NoError(t, w.PutRoom(w.ctx, a))
		require.NoError(t, w.PutRoom(w.ctx, b))
		got, err := w.RoomByCode(w.ctx, "aa")
		require.NoError(t, err)
		require.Equal(t, b, got)
		got, err = w.Room(w.ctx, a.ID)
		require.NoError(t, err)
		require.Equal(t, a, got)
		_, err = w.RoomByCode(w.ctx, "AA")
		requireCode(t, err, lieciba.CodeNotFound, "")

		list, err := w.ListRooms(w.ctx, w.site.ID)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Room{a, w.room}, list)
		list, err = w.ListRooms(w.ctx, "")
		require.NoError(t, err)
		require.Equal(t, []lieciba.Room{b, a, w.room}, list)

		requireCode(t, w.PutRoom(w.ctx, newRoom(far, "riga-1")), lieciba.CodeConflict, "code")
		orphan := newRoom(newSite("nowhere"), "orphan")
		requireCode(t, w.PutRoom(w.ctx, orphan), lieciba.CodeNotFound, "")
		a.SiteID = far.ID
		require.NoError(t, w.PutRoom(w.ctx, a))
		list, err = w.ListRooms(w.ctx, far.ID)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Room{b, a}, list)
	},

	"Cameras": func(t *testing.T, w *world) {
		got, err := w.Camera(w.ctx, w.camera.ID)
		require.NoError(t, err)
		require.Equal(t, w.camera, got)
		far := newSite("liepaja")
		require.NoError(t, w.PutSite(w.ctx, far))
		back, door := newCamera(w.site, "back"), newCamera(far, "door")
		back.Streams, back.ONVIF = nil, false
		require.NoError(t, w.PutCamera(w.ctx, back))
		require.NoError(t, w.PutCamera(w.ctx, door))
		list, err := w.ListCameras(w.ctx, w.site.ID)
		require.NoError(t, err)
		require.Equal(t, []lieciba.Camera{back, w.camera}, list)
		list, err = w.ListCameras(w.ctx, "")
		require.NoError(t, err)
		require.Equal(t, []lieciba.Camera{back, door, w.camera}, list)

		require.NoError(t, w.SetCameraState(w.ctx, door.ID, lieciba.CameraReady, 250*time.Millisecond))
		door.State, door.ClockOffset = lieciba.CameraReady, 250*time.Millisecond
		got, err = w.Camera(w.ctx, door.ID)
		require.NoError(t, err)
		require.Equal(t, door, got)
		requireCode(t, w.SetCameraState(w.ctx, newID[lieciba.CameraID](), lieciba.CameraReady, 0), lieciba.CodeNotFound, "")
	},

	"CamerasThatClash": func(t *testing.T, w *world) {
		same := newCamera(w.site, "other")
		same.EndpointRef = w.camera.EndpointRef
		requireCode(t, w.PutCamera(w.ctx, same), lieciba.CodeConflict, "endpoint_ref")
		same = newCamera(w.site, "other")
		same.Address = w.camera.Address
		requireCode(t, w.PutCamera(w.ctx, same), lieciba.CodeConflict, "address")

		old := w.camera
		old.State = lieciba.CameraRetired
		require.NoError(t, w.PutCamera(w.ctx, old))
		require.NoError(t, w.PutCamera(w.ctx, same), "a retired camera gives its address free")
		requireCode(t, w.SetCameraState(w.ctx, old.ID, lieciba.CameraReady, 0), lieciba.CodeConflict, "address")
		for range 2 { // manual cameras have no endpoint reference
			c := newCamera(w.site, "manual")
			c.EndpointRef = ""
			require.NoError(t, w.PutCamera(w.ctx, c))
		}
	},

	"CameraSecrets": func(t *testing.T, w *world) {
		b, err := w.CameraSecret(w.ctx, w.camera.ID)
		require.NoError(t, err)
		require.Nil(t, b)
		sealed := []byte{0, 1, 0xff, 0}
		require.NoError(t, w.SetCameraSecret(w.ctx, w.camera.ID, sealed))
		w.camera.Name = "renamed"
		require.NoError(t, w.PutCamera(w.ctx, w.camera))
		b, err = w.CameraSecret(w.ctx, w.camera.ID)
		require.NoError(t, err)
		require.Equal(t, sealed, b, "PutCamera keeps the secret")
		require.NoError(t, w.SetCameraSecret(w.ctx, w.camera.ID, nil))
		b, err = w.CameraSecret(w.ctx, w.camera.ID)
		require.NoError(t, err)
		require.Nil(t, b)
		nobody := newID[lieciba.CameraID]()
		requireCode(t, w.SetCameraSecret(w.ctx, nobody, sealed), lieciba.CodeNotFound, "")
		_, err = w.CameraSecret(w.ctx, nobody)
		requireCode(t, err, lieciba.CodeNotFound, "")
	},

	"Assignments": testAssignments,

	"AssignmentsInTheWay": func(t *testing.T, w *world) {
		assign := func(from, to float64) error {
			a := lieciba.CameraAssignment{CameraID: w.camera.ID, RoomID: w.room.ID, From: sec(from)}
			if to > 0 {
				a.To = sec(to)
			}
			return w.AssignCamera(w.ctx, a)
		}
		require.NoError(t, assign(100, 200))
		requireCode(t, assign(50, 0), lieciba.CodeConflict, "from")
		requireCode(t, assign(50, 101), lieciba.CodeConflict, "from")
		requireCode(t, assign(50, 40), lieciba.CodeInvalid, "to")
		require.NoError(t, assign(50, 100))
		require.NoError(t, assign(150, 0), "cuts what runs then")
		list, err := w.Assignments(w.ctx, "", lieciba.Interval{})
		require.NoError(t, err)
		require.Len(t, list, 3)
		require.Equal(t, sec(150), list[1].To)
		requireCode(t, w.AssignCamera(w.ctx, lieciba.CameraAssignment{CameraID: newID[lieciba.CameraID](), RoomID: w.room.ID, From: base}),
			lieciba.CodeNotFound, "")
		requireCode(t, w.AssignCamera(w.ctx, lieciba.CameraAssignment{CameraID: w.camera.ID, RoomID: newID[lieciba.RoomID](), From: sec(300)}),
			lieciba.CodeNotFound, "")
	},
}

func testAssignments(t *testing.T, w *world) {
	second := newRoom(w.site, "riga-2")
	require.NoError(t, w.PutRoom(w.ctx, second))
	start := lieciba.CameraAssignment{CameraID: w.camera.ID, RoomID: w.room.ID, From: base}
	require.NoError(t, w.AssignCamera(w.ctx, start))
	require.NoError(t, w.AssignCamera(w.ctx, start), "the same again")
	move := lieciba.CameraAssignment{CameraID: w.camera.ID, RoomID: second.ID, From: sec(60)}
	require.NoError(t, w.AssignCamera(w.ctx, move))
	require.NoError(t, w.AssignCamera(w.ctx, start), "a late repeat changes nothing")

	all := lieciba.Interval{}
	list, err := w.Assignments(w.ctx, "", all)
	require.NoError(t, err)
	was := start
	was.To = move.From
	require.Equal(t, []lieciba.CameraAssignment{was, move}, list)
	list, err = w.Assignments(w.ctx, second.ID, all)
	require.NoError(t, err)
	require.Equal(t, []lieciba.CameraAssignment{move}, list)
	list, err = w.Assignments(w.ctx, "", lieciba.Interval{From: sec(59), To: sec(60)})
	require.NoError(t, err)
	require.Equal(t, []lieciba.CameraAssignment{was}, list, "both ends are half-open")
	list, err = w.Assignments(w.ctx, "", lieciba.Interval{From: sec(60), To: sec(61)})
	require.NoError(t, err)
	require.Equal(t, []lieciba.CameraAssignment{move}, list)

	end := lieciba.CameraAssignment{CameraID: w.camera.ID, From: sec(90)}
	require.NoError(t, w.AssignCamera(w.ctx, end))
	require.NoError(t, w.AssignCamera(w.ctx, end), "the same again")
	list, err = w.Assignments(w.ctx, second.ID, all)
	require.NoError(t, err)
	move.To = sec(90)
	require.Equal(t, []lieciba.CameraAssignment{move}, list)

	// Another room at the very instant replaces an assignment that lasted no time.
	again := lieciba.CameraAssignment{CameraID: w.camera.ID, RoomID: second.ID, From: sec(120)}
	require.NoError(t, w.AssignCamera(w.ctx, again))
	again.RoomID = w.room.ID
	require.NoError(t, w.AssignCamera(w.ctx, again))
	list, err = w.Assignments(w.ctx, "", lieciba.Interval{From: sec(100)})
	require.NoError(t, err)
	require.Equal(t, []lieciba.CameraAssignment{again}, list)
}
