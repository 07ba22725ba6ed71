package demo

import (
	"lieciba"
)

// ready is what the ready file holds: what a program needs to use the demo.
type readyFile struct {
	URL      string                  `json:"url"`
	Login    string                  `json:"login"`
	Password string                  `json:"password"`
	Approver readyPerson             `json:"approver"` // who may say yes to what the first asks
	Tokens   map[lieciba.Role]string `json:"tokens"`
	Session  lieciba.SessionID       `json:"session"` // of the first room
	Cameras  []readyCamera           `json:"cameras"`
}

type readyPerson struct {
	Login    string `json:"login"`
	Password string `json:"password"`
}

type readyCamera struct {
	ID      lieciba.CameraID  `json:"id"`
	Name    string            `json:"name"`
	WHEP    string            `json:"whep"`
	Session lieciba.SessionID `json:"session"`
	Audio   string            `json:"audio"`
}

func (j *job) ready() readyFile {
	r := readyFile{URL: j.server.URL(), Login: j.login, Password: j.password,
		Approver: readyPerson{approverLogin, j.passwords[approverLogin]}, Tokens: map[lieciba.Role]string{}, Session: j.sessions[0]}
	for role, c := range j.clients {
		if c.Token != "" {
			r.Tokens[role] = c.Token
		}
	}
	for i, c := range j.cameras {
		one := readyCamera{ID: c.ID, Name: c.Name, WHEP: j.server.URL() + "/v1/cameras/" + string(c.ID) + "/whep",
			Session: j.sessions[i*len(rooms)/len(j.cameras)]}
		for _, s := range c.Streams {
			if s.Role == lieciba.StreamMain {
				one.Audio = s.Audio
			}
		}
		r.Cameras = append(r.Cameras, one)
	}
	return r
}
