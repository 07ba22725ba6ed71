package report

import "lieciba"

// words are the texts of one language; the terms are those of GLOSSARY.md.
type words struct {
	Title, Derivative, Lead                                           string
	SessionHead, Session, Source, Planned, Site, Room, Parts, Events  string
	CamerasHead, Camera, Expected, Recorded, Missing, Segments, Clock string
	CamerasNote, GapsHead, NoGaps, RigaTime, Length, Cause            string
	PackageHead, Requester, Recipient, Purpose, Created, Tool, Holds  string
	VerifyHead, Verify1, Verify2, Verify3, Verify4, NoKey, Witness    string
	PackageWord, Export, Log, Format                                  string
	IncidentsHead, Seat, What, State, Ready, Approved                 string

	decimal  string // separator
	seats    forms
	gaps     forms
	segments forms
	clips    forms
	entries  forms
	holds    forms
	sound    string
	notAsked string
	without  string // before the name of a camera that was not asked for
	strip    string // label of a camera's strip
	parts    map[lieciba.PartKind]string
	causes   map[lieciba.GapCause]string
	quality  map[lieciba.ClockQuality]string
	events   map[lieciba.EventKind]string

	exam examWords
}

var latvian = words{
	Title: "Eksāmena sesijas ieraksta pārskats", Derivative: "atvasinājums lasīšanai",
	Lead:        "Šī lapa atkārto to, kas teikts pakotnes manifestā (manifest.json). Pati par sevi tā neko nepierāda un nesatur slēdzienu: slēdzienu dod pakotnes pārbaude.",
	SessionHead: "Eksāmena sesija", Session: "Sesija", Source: "avots", Planned: "Plānotais laiks", Site: "Vieta", Room: "Telpa",
	Parts: "Eksāmena daļas", Events: "Paziņojumi",
	CamerasHead: "Ieraksts pa kamerām", Camera: "Kamera", Expected: "Paredzēts", Recorded: "Ierakstīts", Missing: "Trūkst", Segments: "Segmenti",
	Clock:       "Pulksteņa nobīde",
	CamerasNote: "Josla ir kameras ieraksta logs Rīgas laikā: zilais ir ierakstīts, oranžais ir norādīts pārrāvums (īss pārrāvums zīmēts platāks). Pulksteņa nobīde ir kameras pulkstenis mīnus servera pulkstenis; tā ir izmērīta, ieraksta laiki ir servera laiki. Ilgumi noapaļoti līdz milisekundei, precīzie ir manifestā.",
	GapsHead:    "Norādītie pārrāvumi", NoGaps: "Manifestā nav norādīts neviens pārrāvums.", RigaTime: "Rīgas laiks", Length: "Ilgums", Cause: "Cēlonis",
	PackageHead: "Pierādījumu pakotne", Requester: "Pieprasītājs", Recipient: "Saņēmējs", Purpose: "Pamatojums", Created: "Izveidota", Tool: "Rīks", Holds: "Saturs",
	VerifyHead: "Kā pārbaudīt",
	Verify1:    "Uzziniet žurnāla atslēgas kontrolsummu citā ceļā, ne no šīs pakotnes, un salīdziniet to ar šo:",
	Verify2:    "Pārbaudiet pakotni jebkurā datorā bez tīkla:",
	Verify3:    "Iespējamie slēdzieni: pilnīgs, pilnīgs ar norādītiem pārrāvumiem, izmainīts (kurš fails un kurš laiks), nav pārbaudāms (kāpēc).",
	Verify4:    "Failu kontrolsummas (SHA-256) ir manifest.json, tās var salīdzināt ar jebkuru citu programmu (kā, sacīts README.txt). Pierādījums ir tikai mapes segments/ faili: baiti, kādi tie tika ierakstīti. Mape viewing/ un šis pārskats ir atvasinājumi ērtībai.",
	NoKey:      "atslēga nav norādīta", Witness: "Līdzparakstītāji",
	PackageWord: "PAKOTNE", Export: "Izsniegums", Log: "žurnāls", Format: "formāts",
	IncidentsHead: "Incidenti eksāmenā", Seat: "Sēdvieta", What: "Kas noticis", State: "Stāvoklis", Ready: "Gatavība", Approved: "Atļāva",
	exam:    latvianExam,
	decimal: ",",
	seats:   forms{"sēdvietu", "sēdvieta", "sēdvietas"}, gaps: forms{"pārrāvumu", "pārrāvums", "pārrāvumi"},
	segments: forms{"segmentu", "segments", "segmenti"},
	clips:    forms{"fragmentu pēc pieprasījuma", "fragments pēc pieprasījuma", "fragmenti pēc pieprasījuma"},
	entries:  forms{"auditācijas žurnāla ierakstu", "auditācijas žurnāla ieraksts", "auditācijas žurnāla ieraksti"},
	holds:    forms{"dzēšanas aizliegumu", "dzēšanas aizliegums", "dzēšanas aizliegumi"},
	sound:    "ar skaņu", notAsked: "nav norādīts", without: "nav prasīta un pakotnē nav kamera", strip: "ierakstīts %s, trūkst %s",
	parts: map[lieciba.PartKind]string{
		lieciba.PartListening: "klausīšanās", lieciba.PartReading: "lasīšana", lieciba.PartWriting: "rakstīšana", lieciba.PartSpeaking: "runāšana",
		lieciba.PartConstitution: "Satversme", lieciba.PartHistory: "vēsture", lieciba.PartAnthem: "himna",
	},
	causes: map[lieciba.GapCause]string{
		lieciba.CauseCameraOffline: "kamera neatbildēja", lieciba.CauseNetworkLoss: "zuda savienojums ar kameru",
		lieciba.CauseCameraRestarted: "kamera pārstartējās vai mainīja formātu", lieciba.CauseDecodeError: "kameras plūsma bija bojāta",
		lieciba.CauseAuthFailed: "kamera nepieņēma pieslēgšanās datus", lieciba.CauseServerDown: "serveris nedarbojās",
		lieciba.CauseServerStart: "ierakstīšana sākās vēlāk", lieciba.CauseToldLate: "par sesiju paziņoja par vēlu",
		lieciba.CauseDiskFull:         "disks bija pilns",
		lieciba.CauseStoreUnavailable: "glabātuve nebija pieejama", lieciba.CauseSpoolCorrupt: "starpglabātuves fails bija bojāts",
		lieciba.CauseOverload: "serveris bija pārslogots", lieciba.CauseNotAssigned: "kamera nebija piešķirta telpai",
		lieciba.CauseLeaseHeld: "kameru turēja cits mezgls", lieciba.CauseNotAllowed: "kameras adrese bija ārpus atļautajiem tīkliem",
	},
	quality: map[lieciba.ClockQuality]string{
		lieciba.ClockUnknown: "nav zināma", lieciba.ClockGood: "pulkstenis labs",
		lieciba.ClockDrifting: "pulkstenis novirzās", lieciba.ClockUnreliable: "pulkstenis nav uzticams",
	},
	events: map[lieciba.EventKind]string{
		lieciba.EventResultNotified: "rezultāts paziņots", lieciba.EventAppealOpened: "apstrīdēšana sākta", lieciba.EventAppealDecided: "apstrīdēšana izlemta",
	},
}

var english = words{
	Title: "Report on the recording of an exam session", Derivative: "derivative for reading",
	Lead:        "This page repeats what the package's manifest (manifest.json) says. It proves nothing by itself and holds no verdict: verifying the package gives one.",
	SessionHead: "Exam session", Session: "Session", Source: "source", Planned: "Planned time", Site: "Site", Room: "Room",
	Parts: "Exam parts", Events: "Notices",
	CamerasHead: "Recording by camera", Camera: "Camera", Expected: "Expected", Recorded: "Recorded", Missing: "Missing", Segments: "Segments",
	Clock:       "Clock offset",
	CamerasNote: "The strip is the camera's recording window in Riga time: blue is recorded, orange is a declared gap (a short one is drawn wider). Clock offset is the camera's clock less the server's; it is measured, and the times of the recording are the server's. Lengths are rounded to the millisecond; the exact ones are in the manifest.",
	GapsHead:    "Declared gaps", NoGaps: "The manifest declares no gap.", RigaTime: "Riga time", Length: "Length", Cause: "Cause",
	PackageHead: "Evidence package", Requester: "Requested by", Recipient: "Recipient", Purpose: "Reason", Created: "Made", Tool: "Tool", Holds: "Holds",
	VerifyHead: "How to verify",
	Verify1:    "Get the fingerprint of the log's key by a second route, not from this package, and compare it with this one:",
	Verify2:    "Verify the package on any machine, without a network:",
	Verify3:    "Possible verdicts: complete, complete with declared gaps, altered (which file and which time), unverifiable (why).",
	Verify4:    "The SHA-256 of each file is in manifest.json and can be compared with any other program (README.txt says how). Evidence are the files of the folder segments/ only: the bytes as they were recorded. The folder viewing/ and this report are derivatives for convenience.",
	NoKey:      "no key is stated", Witness: "Witnesses",
	PackageWord: "PACKAGE", Export: "Export", Log: "log", Format: "format",
	IncidentsHead: "Incidents of the exam", Seat: "Seat", What: "What happened", State: "State", Ready: "Readiness", Approved: "Approved by",
	exam:    englishExam,
	decimal: ".",
	seats:   forms{"seats", "seat", "seats"}, gaps: forms{"gaps", "gap", "gaps"},
	segments: forms{"segments", "segment", "segments"},
	clips:    forms{"requested clips", "requested clip", "requested clips"},
	entries:  forms{"entries of the audit log", "entry of the audit log", "entries of the audit log"},
	holds:    forms{"holds", "hold", "holds"},
	sound:    "with sound", notAsked: "not stated", without: "not asked for and not in the package: camera", strip: "recorded %s, missing %s",
	parts: map[lieciba.PartKind]string{
		lieciba.PartListening: "listening", lieciba.PartReading: "reading", lieciba.PartWriting: "writing", lieciba.PartSpeaking: "speaking",
		lieciba.PartConstitution: "Constitution", lieciba.PartHistory: "history", lieciba.PartAnthem: "anthem",
	},
	causes: map[lieciba.GapCause]string{
		lieciba.CauseCameraOffline: "the camera did not answer", lieciba.CauseNetworkLoss: "the line to the camera was lost",
		lieciba.CauseCameraRestarted: "the camera restarted or changed its format", lieciba.CauseDecodeError: "what the camera sent was damaged",
		lieciba.CauseAuthFailed: "the camera refused the credentials", lieciba.CauseServerDown: "the server was down",
		lieciba.CauseServerStart: "recording began later", lieciba.CauseToldLate: "the session was told of too late",
		lieciba.CauseDiskFull:         "the disk was full",
		lieciba.CauseStoreUnavailable: "the store was not available", lieciba.CauseSpoolCorrupt: "a spool file was damaged",
		lieciba.CauseOverload: "the server was overloaded", lieciba.CauseNotAssigned: "the camera was not assigned to the room",
		lieciba.CauseLeaseHeld: "another node held the camera", lieciba.CauseNotAllowed: "the camera's address was outside the allowed networks",
	},
	quality: map[lieciba.ClockQuality]string{
		lieciba.ClockUnknown: "not known", lieciba.ClockGood: "clock good",
		lieciba.ClockDrifting: "clock drifting", lieciba.ClockUnreliable: "clock unreliable",
	},
	events: map[lieciba.EventKind]string{
		lieciba.EventResultNotified: "result notified", lieciba.EventAppealOpened: "appeal opened", lieciba.EventAppealDecided: "appeal decided",
	},
}
