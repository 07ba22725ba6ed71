package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"lieciba"
	"lieciba/api/passkey"
)

// maxPasskeys bounds how many one person has.
const maxPasskeys = 20

type passkeyView struct {
	ID        lieciba.PasskeyID `json:"id"`
	Name      string            `json:"name"`
	CreatedAt stamp             `json:"created_at"`
	UsedAt    *stamp            `json:"used_at"`
}

func viewPasskey(k lieciba.Passkey) passkeyView {
	return passkeyView{ID: k.ID, Name: k.Name, CreatedAt: stamp(k.CreatedAt), UsedAt: optionalStamp(k.UsedAt)}
}

// passkeyAnswer is what a browser brings back from an authenticator.
type passkeyAnswer struct {
	Name       string          `json:"name"`       // of a new one
	Credential json.RawMessage `json:"credential"` // PublicKeyCredential.toJSON()
}

// readPasskey reads an answer, and what judges it. Inside of the credential the
// names are WebAuthn's.
func (c *call) readPasskey() (in passkeyAnswer, keys *passkey.Ceremonies, err error) {
	if keys, err = c.server.ceremonies(); err != nil {
		return in, nil, err
	}
	if err := c.requireType("application/json"); err != nil {
		return in, nil, err
	}
	b, err := c.body(64 << 10)
	if err != nil {
		return in, nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return in, nil, jsonError(err)
	}
	if len(in.Credential) == 0 {
		return in, nil, lieciba.Invalid("credential", "is missing: send what the browser's authenticator answered")
	}
	return in, keys, nil
}

// ceremonies are nil where the server has no name that browsers take for passkeys.
func (s *Server) ceremonies() (*passkey.Ceremonies, error) {
	if s.cfg.Passkeys == nil {
		return nil, lieciba.Errorf(lieciba.CodeUnsupported, "this server has no passkeys: set http.public_url to its name")
	}
	return s.cfg.Passkeys, nil
}

func (s *Server) ownPasskeys(c *call) error {
	all, err := s.cfg.Catalog.UserPasskeys(c.ctx(), c.user.ID)
	if err != nil {
		return err
	}
	out := items[passkeyView]{Items: []passkeyView{}}
	for _, k := range all {
		out.Items = append(out.Items, viewPasskey(k))
	}
	return c.ok(out)
}

// ask keeps the question of a ceremony with the sign-in and sends it. A new
// question takes the place of the last.
func (c *call) ask(options json.RawMessage, kept []byte, err error) error {
	if err != nil {
		return err
	}
	if _, err := c.changeSignIn(c.ctx(), c.signIn.ID, func(in *lieciba.SignIn) error {
		in.Challenge = kept
		return nil
	}); err != nil {
		return err
	}
	return c.ok(options)
}

// asked takes the question back, so that it is answered once, also wrongly.
func (c *call) asked() (kept []byte, err error) {
	_, err = c.changeSignIn(c.ctx(), c.signIn.ID, func(in *lieciba.SignIn) error {
		kept, in.Challenge = in.Challenge, nil
		return nil
	})
	return kept, err
}

func (s *Server) passkeyOptions(c *call) error {
	keys, err := s.ceremonies()
	if err != nil {
		return err
	}
	if err := c.requireRecent(); err != nil {
		return err
	}
	have, err := s.cfg.Catalog.UserPasskeys(c.ctx(), c.user.ID)
	if err != nil {
		return err
	}
	if len(have) >= maxPasskeys {
		return lieciba.Errorf(lieciba.CodeConflict, "you have %d passkeys already: remove one first", maxPasskeys)
	}
	options, kept, err := keys.BeginRegistration(*c.user, have, c.now)
	return c.ask(options, kept, err)
}

func (s *Server) registerPasskey(c *call) error {
	in, keys, err := c.readPasskey()
	if err != nil {
		return err
	}
	if err := checkText("name", in.Name); err != nil {
		return err
	}
	if err := c.requireRecent(); err != nil {
		return err
	}
	kept, err := c.asked()
	if err != nil {
		return err
	}
	k, err := keys.FinishRegistration(*c.user, kept, in.Credential, lieciba.Micro(c.now))
	if err != nil {
		return err
	}
	k.ID, k.Name = lieciba.NewID[lieciba.PasskeyID](c.now), in.Name
	e := c.entry(lieciba.AuditRegisterPasskey, target{what: "passkey", id: string(k.ID)})
	if err := c.record(&e, func(ctx context.Context) error { return s.cfg.Catalog.PutPasskey(ctx, k) }); err != nil {
		return err
	}
	return c.created(viewPasskey(k))
}

func (s *Server) removePasskey(c *call) error {
	id, err := lieciba.ParseID[lieciba.PasskeyID]("id", c.gin.Param("id"))
	if err != nil {
		return err
	}
	if err := c.requireRecent(); err != nil {
		return err
	}
	e := c.entry(lieciba.AuditRemovePasskey, target{what: "passkey", id: string(id)})
	if err := c.record(&e, func(ctx context.Context) error {
		return asNotFound(s.cfg.Catalog.DeletePasskey(ctx, c.user.ID, id), "passkey")
	}); err != nil {
		return err
	}
	return c.noContent()
}

func (s *Server) passkeyProofOptions(c *call) error {
	keys, err := s.ceremonies()
	if err != nil {
		return err
	}
	have, err := s.cfg.Catalog.UserPasskeys(c.ctx(), c.user.ID)
	if err != nil {
		return err
	}
	options, kept, err := keys.BeginProof(*c.user, have, c.now)
	return c.ask(options, kept, err)
}

func (s *Server) proveByPasskey(c *call) error {
	in, keys, err := c.readPasskey()
	if err != nil {
		return err
	}
	kept, err := c.asked()
	if err != nil {
		return err
	}
	have, err := s.cfg.Catalog.UserPasskeys(c.ctx(), c.user.ID)
	if err != nil {
		return err
	}
	k, err := keys.FinishProof(*c.user, have, kept, in.Credential, c.now)
	if err != nil {
		return errors.Join(c.auditProofRefused(lieciba.CodeOf(err), passkeyDetail(err)), c.removeCopied(*c.user, k, err), err)
	}
	if err := c.proven(lieciba.SignInPasskey, func(ctx context.Context) error { return s.noteUse(ctx, k, have) }); err != nil {
		return err
	}
	return c.proofOK()
}

// passkeyDetail says in the audit log what a refusal means.
func passkeyDetail(err error) string {
	if errors.Is(err, passkey.ErrCloned) {
		return "by passkey: " + passkey.ErrCloned.Error()
	}
	return "by passkey"
}

// noteUse stores the counter of a passkey that was used, if it is still the one
// of judged. Two uses that were judged at once both saw the same counter: the
// second is refused.
func (s *Server) noteUse(ctx context.Context, k lieciba.Passkey, judged []lieciba.Passkey) error {
	all, err := s.cfg.Catalog.UserPasskeys(ctx, k.UserID)
	if err != nil {
		return err
	}
	now, was := keyOf(all, k.ID), keyOf(judged, k.ID)
	switch {
	case now == nil:
		return lieciba.Errorf(lieciba.CodeConflict, "this passkey was removed meanwhile")
	case was == nil || !bytes.Equal(now.Credential, was.Credential):
		return lieciba.Errorf(lieciba.CodeConflict, "this passkey was used elsewhere at the same time: try again")
	}
	return s.cfg.Catalog.PutPasskey(ctx, k)
}

func keyOf(list []lieciba.Passkey, id lieciba.PasskeyID) *lieciba.Passkey {
	if i := slices.IndexFunc(list, func(k lieciba.Passkey) bool { return k.ID == id }); i >= 0 {
		return &list[i]
	}
	return nil
}

// removeCopied takes a passkey of which there is a copy from its account, if that
// is why it was refused: which of the two is the person's nobody can tell, and the
// one whose counter is ahead would go on to work (WebAuthn Level 3, 6.1.1).
func (c *call) removeCopied(u lieciba.User, k lieciba.Passkey, why error) error {
	if !errors.Is(why, passkey.ErrCloned) {
		return nil
	}
	s := c.server
	e := c.entry(lieciba.AuditRemovePasskey, target{what: "passkey", id: string(k.ID)})
	e.Who, e.WhoID = "system", ""
	e.Detail = "of user:" + string(u.ID) + ": " + passkey.ErrCloned.Error()
	return c.record(&e, func(ctx context.Context) error {
		err := s.cfg.Catalog.DeletePasskey(ctx, u.ID, k.ID)
		if lieciba.CodeOf(err) == lieciba.CodeNotFound { // by another answer of the copy
			err = nil
		}
		return errors.Join(err, s.raise(ctx, lieciba.Alarm{ID: lieciba.NewID[lieciba.AlarmID](e.At), Kind: lieciba.AlarmCopied,
			Key: "passkey:" + string(k.ID), Who: u.Login, WhoID: string(u.ID), At: e.At, Count: 1,
			Detail: passkey.ErrCloned.Error() + "; it was used from " + c.address() + " and was removed from the account of " + u.Login}))
	})
}

// passkeySignInOptions asks for any passkey; the browser keeps the question, sealed.
func (s *Server) passkeySignInOptions(c *call) error {
	keys, err := s.ceremonies()
	if err != nil {
		return err
	}
	options, kept, err := keys.BeginSignIn(c.now)
	if err != nil {
		return err
	}
	c.setSealed(passkeyCookie, kept, passkey.Life, http.SameSiteStrictMode)
	return c.ok(options)
}

// signInByPasskey signs in with a passkey of a local account. A provider's
// account signs in with its provider, which knows who has left.
func (s *Server) signInByPasskey(c *call) error {
	in, keys, err := c.readPasskey()
	if err != nil {
		return err
	}
	_, known := c.keptDevice()
	if err := c.admitGuess(known); err != nil {
		return err
	}
	var kept []byte
	c.sealed(passkeyCookie, &kept)
	c.setCookie(passkeyCookie, "", -1, http.SameSiteStrictMode)
	if s.used.spent("passkey:"+string(kept), c.now) { // else its old counter would look like a copy's
		return errQuestionOver()
	}
	var have []lieciba.Passkey
	u, k, err := keys.FinishSignIn(kept, in.Credential, c.now, func(id lieciba.UserID) (u lieciba.User, _ []lieciba.Passkey, err error) {
		u, have, err = s.passkeyOwner(c.ctx(), id)
		return u, have, err
	})
	if err != nil {
		return c.refusePasskey(u, k, err)
	}
	first, err := s.used.use("passkey:"+string(kept), c.now, c.now.Add(passkey.Life))
	if err == nil && !first {
		err = errQuestionOver()
	}
	if err != nil {
		return err
	}
	return c.startPasskeySignIn(u, k, have)
}

func errQuestionOver() error {
	return lieciba.Errorf(lieciba.CodeConflict, "this passkey question is over: start again")
}

// refusePasskey records that a passkey was refused, as long as its address does
// not do so too often.
func (c *call) refusePasskey(u lieciba.User, k lieciba.Passkey, err error) error {
	if lieciba.CodeOf(err) != lieciba.CodeRefused {
		return err
	}
	refused := &lieciba.Error{Code: lieciba.CodeRefused, Field: "credential", Message: asError(err, "").Message, Cause: err}
	failed := c.removeCopied(u, k, err)
	if c.countGuess() {
		failed = errors.Join(c.auditSignIn(u, lieciba.CodeUnauthenticated, passkeyDetail(err)), failed)
	}
	return errors.Join(failed, refused)
}

// passkeyOwner finds who may sign in with a passkey; the refusals look alike.
func (s *Server) passkeyOwner(ctx context.Context, id lieciba.UserID) (lieciba.User, []lieciba.Passkey, error) {
	refused := lieciba.Errorf(lieciba.CodeRefused, "this passkey was not accepted")
	u, err := s.cfg.Catalog.User(ctx, id)
	if lieciba.CodeOf(err) == lieciba.CodeNotFound {
		return u, nil, refused
	}
	if err != nil {
		return u, nil, err
	}
	if u.Disabled || u.Issuer != "" {
		return u, nil, refused
	}
	keys, err := s.cfg.Catalog.UserPasskeys(ctx, id)
	return u, keys, err
}

func (c *call) startPasskeySignIn(u lieciba.User, k lieciba.Passkey, judged []lieciba.Passkey) error {
	plain, in := c.freshSignIn(u.ID, lieciba.SignInPasskey)
	err := c.beginSignIn(plain, in, &u, func(ctx context.Context) error {
		return errors.Join(c.server.unchanged(ctx, u), c.server.noteUse(ctx, k, judged))
	}, func() error {
		return errors.Join(c.auditSignInRefused(u), lieciba.Errorf(lieciba.CodeRefused, "this passkey was not accepted"))
	})
	if err != nil {
		return err
	}
	return c.ok(meOf(c))
}
