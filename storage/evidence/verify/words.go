package verify

import (
	"fmt"
	"regexp"
	"strings"

	"lieciba"
)

// micros is a length of time in microseconds.
type micros int64

// say rounds to milliseconds; what is shorter stays in microseconds.
func (m micros) say(lang string) string {
	sign := ""
	if m < 0 {
		sign, m = "-", -m
	}
	if m > 0 && m < 1000 {
		return fmt.Sprintf("%s%d µs", sign, int64(m))
	}
	ms := (int64(m) + 500) / 1000
	point := "."
	if lang == "lv" {
		point = ","
	}
	h, min, s := ms/3_600_000, ms/60_000%60, fmt.Sprintf("%d%s%03d s", ms/1000%60, point, ms%1000)
	switch {
	case h > 0:
		return fmt.Sprintf("%s%d h %d min %s", sign, h, min, s)
	case min > 0:
		return fmt.Sprintf("%s%d min %s", sign, min, s)
	}
	return sign + s
}

// causes are the words of the pages (viewer/web/src/lib).
var causes = map[lieciba.GapCause]words{
	lieciba.CauseCameraOffline:    {"kamera neatbild", "the camera does not answer"},
	lieciba.CauseNetworkLoss:      {"zudis savienojums", "line lost"},
	lieciba.CauseCameraRestarted:  {"kamera pārstartējās", "the camera restarted"},
	lieciba.CauseDecodeError:      {"bojāta straume", "broken stream"},
	lieciba.CauseAuthFailed:       {"kamera nepieņem paroli", "the camera refuses the password"},
	lieciba.CauseServerDown:       {"serveris nedarbojās", "the server was down"},
	lieciba.CauseServerStart:      {"ierakstīšana sākta vēlāk", "recording began later"},
	lieciba.CauseToldLate:         {"par sesiju paziņots par vēlu", "the session was told of too late"},
	lieciba.CauseDiskFull:         {"pilns disks", "disk full"},
	lieciba.CauseStoreUnavailable: {"glabātuve nav pieejama", "the store was away"},
	lieciba.CauseSpoolCorrupt:     {"bojāts starpfails", "broken spool file"},
	lieciba.CauseOverload:         {"serveris pārslogots", "server overloaded"},
	lieciba.CauseNotAssigned:      {"kamera nav piešķirta telpai", "the camera was not assigned to the room"},
	lieciba.CauseLeaseHeld:        {"kameru tur cits mezgls", "another node held the camera"},
	lieciba.CauseNotAllowed:       {"kameras adrese ir ārpus atļautajiem tīkliem", "the camera's address is outside the allowed networks"},
}

// cause is a cause in words; one that no program of ours writes stays as it is.
func cause(c lieciba.GapCause, lang string) string {
	if w, ok := causes[c]; ok {
		return w.say(lang)
	}
	return string(c)
}

// details are what the program says of a package in the middle of a finding,
// by whole sentences of the English.
var details = []struct {
	en *regexp.Regexp
	lv string
}{
	{whole(`a file of (\d+) bytes is no evidence package`), "$1 baiti nav pierādījumu pakotne"},
	{whole(`the end of the file is not that of a package: it was cut off, or something was added`), "faila beigas nav tādas kā pakotnei: tās nogrieztas vai kaut kas pielikts klāt"},
	{whole(`the directory's place and size contradict the file's (\d+) bytes`), "satura rādītāja vieta un lielums neatbilst faila $1 baitiem"},
	{whole(`the directory's header of (\S+) is not as it was written`), "satura rādītājā izmainīts ieraksts par failu $1"},
	{whole(`(\S+) would reach beyond the directory`), "fails $1 sniegtos pāri satura rādītājam"},
	{whole(`there are bytes in the file that belong to no entry`), "ir baiti, kas nepieder nevienam failam"},
	{whole(`entry (\d+) has a name that no package has`), "$1. failam ir nosaukums, kāda pakotnē nemēdz būt"},
	{whole(`the header of (\S+) is not as it was written`), "izmainīta faila $1 galvene"},
	{whole(`the descriptor of (\S+) is not as it was written`), "izmainīts faila $1 nobeigums"},
	{whole(`the content of (\S+) does not have the CRC-32 that stands behind it`), "faila $1 saturam neder CRC-32, kas stāv aiz tā"},
	{whole(`the file ends too early`), "fails beidzas par agru"},
	{whole(`the packed content does not unpack`), "saspiestais saturs nav atspiežams"},
	{whole(`(?:stat|open|lstat|readlink) (.+): no such file or directory`), "tāda faila nav: $1"},
	{whole(`(?:stat|open|lstat|read) (.+): permission denied`), "nav atļaujas lasīt: $1"},
	{whole(`is not in canonical form: it was written or edited by something else`), "pieraksts nav kanonisks: to rakstījis vai mainījis kas cits"},
	{whole(`is no JSON of the expected shape`), "tas nav paredzētā JSON formā"},
	{whole(`is no checkpoint: it has three lines, origin, size and root`), "tas nav kontrolpunkts"},
	{whole(`is no signed note`), "tas nav parakstīts teksts"},
	{whole(`is no signature line`), "paraksta rinda neder"},
	{whole(`is a signature line in another than the canonical spelling`), "paraksta rinda pierakstīta citādi, nekā raksta programma"},
	{whole(`is a signed note with a signature too many`), "parakstu ir par daudz"},
	{whole(`none of the expected keys signed the checkpoint`), "kontrolpunktu nav parakstījusi neviena no paredzētajām atslēgām"},
	{whole(`the log's key did not sign it`), "žurnāla atslēga to nav parakstījusi"},
	{whole(`the signature of key (\S+) is wrong`), "atslēgas $1 paraksts neder"},
	{whole(`(\S+) is not the file that was closed`), "fails $1 nav tas, kas tika noslēgts"},
	{whole(`(\S+) is not signed by the log's key alone`), "failu $1 nav parakstījusi tikai žurnāla atslēga"},
	{whole(`(\S+) lists other files than it should`), "failā $1 uzskaitīti citi faili, nekā jābūt"},
	{whole(`(\S+) is missing`), "nav faila $1"},
	{whole(`no key of a log is listed`), "nav nevienas žurnāla atslēgas"},
	{whole(`a key is listed twice`), "atslēga uzskaitīta divreiz"},
	{whole(`a log's key and a witness's key are in each other's place`), "žurnāla un līdzparakstītāja atslēgas samainītas vietām"},
	{whole(`the keys are not in the order of the log`), "atslēgas nav žurnāla secībā"},
	{whole(`the chain of the log's keys is broken`), "žurnāla atslēgu virkne ir pārrauta"},
	{whole(`the change of key is not signed by both keys`), "atslēgas maiņu nav parakstījušas abas atslēgas"},
	{whole(`the salt of leaf (\d+) is not 16 bytes in lower-case hex`), "žurnāla $1. ieraksta sāls neder"},
	{whole(`leaf (\d+) is of no known kind`), "žurnāla $1. ieraksts nav zināma veida"},
	{whole(`leaf (\d+) is not in the log as it stands here`), "žurnāla $1. ieraksta žurnālā nav"},
	{whole(`a log of (\d+) leaves has no leaf (-?\d+)`), "žurnālam ar $1 ierakstiem nav $2. ieraksta"},
	{whole(`its clip is there and it is not listed`), "ir fragments, bet sarakstā tā nav"},
	{whole(`it is of session (\S+)`), "pieder sesijai $1"},
	{whole(`it is not in its place, or is there twice`), "nav savā vietā vai ir divreiz"},
	{whole(`it follows (\S+), which is not listed`), "seko ierakstam $1, kura sarakstā nav"},
	{whole(`the approval is not one of this export`), "apstiprinājums nav par šo izsniegumu"},
	{whole(`there is no recording`), "nav neviena ieraksta"},
	{whole(`the list of files lacks it`), "failu sarakstā tā nav"},
	{whole(`the list of files is not in the order of names, or has one twice`), "failu saraksts nav nosaukumu secībā, vai kāds ir divreiz"},
	{whole(`size or SHA-256 of the file is not that of the segment`), "faila lielums vai kontrolsumma nav tā, kas segmentam"},
	{whole(`recorded (-?\d+) µs, missing (-?\d+) µs; computed (-?\d+) and (-?\d+)`), "ierakstīts $1 µs, trūkst $2 µs; aprēķināts $3 un $4"},
	{whole(`recording (\S+) is not among its session's`), "ieraksta $1 nav savas sesijas ierakstu vidū"},
	{whole(`the time stamp is none, or its signature is wrong`), "tas nav laika zīmogs, vai tā paraksts neder"},
	{whole(`the certificate of the time stamp leads to none of the expected roots, or was not valid then`), "zīmoga sertifikāts neved pie paredzētas saknes vai tobrīd nederēja"},
}

func whole(pattern string) *regexp.Regexp { return regexp.MustCompile("^" + pattern + "$") }

// kinds of leaves, as the details name them.
var kinds = map[string]string{
	string(lieciba.LeafSegment): "segments", string(lieciba.LeafGap): "pārrāvums", string(lieciba.LeafSeal): "slēgšana",
	string(lieciba.LeafAudit): "auditācijas ieraksts", string(lieciba.LeafExport): "pakotne", string(lieciba.LeafKey): "atslēga",
	string(lieciba.LeafIncident): "incidents", string(lieciba.LeafPart): "daļas norise", string(lieciba.LeafReadiness): "gatavība",
}

var ofLeaf = regexp.MustCompile(`^(segment|gap|seal|audit|export|key|incident|part|readiness) (\S+)(?:: (.*))?$`)

// inLatvian says a detail in Latvian. One that it has no words for stays as it
// is, quoted.
func inLatvian(s string) string {
	if m := ofLeaf.FindStringSubmatch(s); m != nil {
		out := kinds[m[1]] + " " + m[2]
		switch m[3] {
		case "":
			return out
		case "logged after the seal":
			return out + ": žurnālā pēc slēgšanas"
		}
		return out + ": " + inLatvian(m[3])
	}
	for _, d := range details {
		if d.en.MatchString(s) {
			return d.en.ReplaceAllString(s, d.lv)
		}
	}
	if who, what, ok := strings.Cut(s, ": "); ok { // of an authority
		for _, d := range details {
			if d.en.MatchString(what) {
				return who + ": " + d.en.ReplaceAllString(what, d.lv)
			}
		}
	}
	if strings.ContainsRune(s, ' ') {
		return "„" + s + "“"
	}
	return s
}
