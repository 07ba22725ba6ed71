package report

import "lieciba"

// examWords are the texts about the exam itself and its approval.
type examWords struct {
	really, running, unclear, other               string // of parts
	ready, overridden, unready, unchecked, camera string // of readiness
	signed, unsigned                              string
	corrected, withoutRequest, digest             string
	kinds                                         map[lieciba.IncidentKind]string
	states                                        map[lieciba.IncidentStep]string
	incidents                                     forms
}

var latvianExam = examWords{
	really: "notika", running: "nav beigusies", unclear: "norises pieraksti ir pretrunīgi", other: "daļa, kas vairs nav plānā",
	ready: "gatavas kameras", overridden: "atļautas ar pamatojumu", unready: "neder", unchecked: "Gatavība nav pārbaudīta", camera: "cita kamera",
	signed: "apstiprināja %s %s", unsigned: "gatavība nav apstiprināta",
	corrected: "labots", withoutRequest: "bez pieprasījuma: pakotne izveidota pašā serverī", digest: "pieprasījuma nospiedums",
	kinds: map[lieciba.IncidentKind]string{
		lieciba.IncidentPhone: "tālrunis vai cita ierīce", lieciba.IncidentCrib: "špikeris", lieciba.IncidentTalking: "sarunāšanās",
		lieciba.IncidentLeft: "izgāja no telpas", lieciba.IncidentIdentity: "šaubas par personu", lieciba.IncidentDisturbance: "traucēšana",
		lieciba.IncidentHealth: "veselība", lieciba.IncidentTechnical: "tehniska kļūme", lieciba.IncidentOther: "cits",
	},
	states: map[lieciba.IncidentStep]string{
		lieciba.IncidentRaised: "atzīmēts", lieciba.IncidentReviewed: "izskatīts", lieciba.IncidentRetracted: "atsaukts",
	},
	incidents: forms{"incidentu", "incidents", "incidenti"},
}

var englishExam = examWords{
	really: "held", running: "not ended", unclear: "the notes contradict each other", other: "a part that is planned no more",
	ready: "cameras that passed", overridden: "let through with a reason", unready: "failed", unchecked: "Readiness was not checked", camera: "another camera",
	signed: "signed off by %s %s", unsigned: "not signed off",
	corrected: "corrected", withoutRequest: "no request: the package was made on the server itself", digest: "digest of the request",
	kinds: map[lieciba.IncidentKind]string{
		lieciba.IncidentPhone: "phone or another device", lieciba.IncidentCrib: "crib notes", lieciba.IncidentTalking: "talking",
		lieciba.IncidentLeft: "left the room", lieciba.IncidentIdentity: "doubt about identity", lieciba.IncidentDisturbance: "disturbance",
		lieciba.IncidentHealth: "health", lieciba.IncidentTechnical: "technical fault", lieciba.IncidentOther: "other",
	},
	states: map[lieciba.IncidentStep]string{
		lieciba.IncidentRaised: "marked", lieciba.IncidentReviewed: "reviewed", lieciba.IncidentRetracted: "retracted",
	},
	incidents: forms{"incidents", "incident", "incidents"},
}
