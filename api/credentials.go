package api

import (
	"context"
	"encoding/json"
	"errors"

	"lieciba"
)

// sealedCredentials is the plain text of a sealed camera secret.
type sealedCredentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// CredentialsOwner is what the sealed credentials of a camera are bound to.
func CredentialsOwner(id lieciba.CameraID) []byte { return []byte("camera:" + string(id)) }

// SealCredentials makes what storage.Cameras keeps of a camera's credentials;
// nil for none.
func SealCredentials(box Secrets, id lieciba.CameraID, c Credentials) []byte {
	if c == (Credentials{}) {
		return nil
	}
	plain, err := json.Marshal(sealedCredentials(c))
	if err != nil {
		panic(err) // two strings
	}
	return box.Seal(plain, CredentialsOwner(id))
}

// OpenCredentials reads back what SealCredentials made; nil gives none.
func OpenCredentials(box Secrets, id lieciba.CameraID, sealed []byte) (Credentials, error) {
	if sealed == nil {
		return Credentials{}, nil
	}
	plain, err := box.Unseal(sealed, CredentialsOwner(id))
	if err != nil {
		return Credentials{}, err
	}
	var c sealedCredentials
	if err := json.Unmarshal(plain, &c); err != nil {
		// The cause would quote the plain text.
		return Credentials{}, lieciba.Errorf(lieciba.CodeCorrupt, "a camera's sealed credentials cannot be read: set them again")
	}
	return Credentials(c), nil
}

// credentials reads a camera's from the catalogue.
func (s *Server) credentials(ctx context.Context, id lieciba.CameraID) (Credentials, error) {
	sealed, err := s.cfg.Catalog.CameraSecret(ctx, id)
	if err != nil {
		return Credentials{}, err
	}
	return OpenCredentials(s.cfg.Secrets, id, sealed)
}

// refusedByCamera gives one shape to what cameras and their client say of bad
// credentials: 422 with the field, never 401, which would sign the page out.
func refusedByCamera(err error) error {
	var e *lieciba.Error
	if !errors.As(err, &e) {
		return err
	}
	field := e.Field
	if e.Code == lieciba.CodeUnauthenticated && field == "" {
		field = "password"
	}
	if e.Code == lieciba.CodeForbidden && field == "" {
		field = "username"
	}
	if field == "password" || field == "username" {
		return &lieciba.Error{Code: lieciba.CodeRefused, Field: field, Message: e.Message, Cause: err}
	}
	if e.Code == lieciba.CodeForbidden || e.Code == lieciba.CodeUnauthenticated || e.Code == lieciba.CodeNotFound {
		return &lieciba.Error{Code: lieciba.CodeRefused, Field: field, Message: e.Message, Cause: err}
	}
	return err
}

// credentialsRefused reports whether the camera said no to user name or password.
func credentialsRefused(err error) bool {
	var e *lieciba.Error
	return errors.As(refusedByCamera(err), &e) && e.Code == lieciba.CodeRefused && (e.Field == "password" || e.Field == "username")
}
