package verify

var (
	notInside = words{"tajā nav ne manifest.json, ne mapes evidence/", "neither manifest.json nor the folder evidence/ is in it"}
	isEmpty   = words{"tas ir tukšs", "it is empty"}
	noneGiven = words{"norādiet --identity FAILS ar savu atslēgu", "give --identity FILE with your key"}
	noneOpens = words{"neviena no atslēgām, kas norādītas ar --identity, to neatver", "none of the keys given with --identity opens it"}
	noZIP     = words{"tas nav ZIP fails, vai tas ir bojāts", "it is no ZIP file, or a broken one"}
)

// subfolder says where the package may be instead.
func subfolder(name string) words {
	return words{notInside.lv + "; manifest.json ir apakšmapē " + name + ": norādiet to", notInside.en + "; the sub-folder " + name + " holds manifest.json: give that one"}
}

type text struct {
	severity Severity
	lv, en   string
	detail   bool // its text arguments are words of the program
}

// texts are the messages by code. Both languages take the same arguments, in
// the same order.
var texts = map[Code]text{
	CodeNoPackage:  {SeverityUnverifiable, "šī nav pierādījumu pakotne: %s", "this is no evidence package: %s", true},
	CodeUnreadable: {SeverityUnverifiable, "nevar nolasīt: %s", "it cannot be read: %s", true},
	CodeNoIdentity: {SeverityUnverifiable, "pakotne ir šifrēta: %s", "the package is encrypted: %s", false},
	CodeTooLarge:   {SeverityUnverifiable, "fails ir par lielu: %s baiti", "the file is too large: %s bytes", false},
	CodeFormat:     {SeverityUnverifiable, "pakotnes formāts %q šai programmai nav zināms: vajadzīga jaunāka", "this program does not know the package's format %q: it takes a newer one", false},

	CodeContainer: {SeverityAltered, "pakotnes ietvars nav tāds, kāds tika uzrakstīts: %s", "the container is not as it was written: %s", true},
	CodeRepacked: {SeverityAltered, "pakotnes ietvaru nav rakstījis tās veidotājs: tas pārpakots vai mainīts ar citu ZIP programmu; izpakojiet to un pārbaudiet mapi, tad spriež par saturu",
		"the container was not written by the builder: it was packed again or edited by another ZIP program; unpack it and verify the folder, which judges the contents", false},
	CodeLeftover:   {SeverityNote, "nepieder pakotnei, to atstājusi operētājsistēma: nav ņemts vērā", "not part of the package, left by the operating system: ignored", false},
	CodeEncryption: {SeverityAltered, "šifrētais fails ir izmainīts: %s", "the encrypted file was altered: %s", true},
	CodeOrder:      {SeverityAltered, "fails neatrodas savā vietā: te jābūt %s", "the file is not in its place: %s belongs here", false},
	CodeNoFile:     {SeverityAltered, "tas nav parasts fails", "it is no regular file", false},
	CodeMissing:    {SeverityAltered, "faila nav", "the file is missing", false},
	CodeExtra:      {SeverityAltered, "manifestā tāda faila nav: tas pielikts klāt", "the manifest knows no such file: it was added", false},
	CodeChanged:    {SeverityAltered, "saturs nav tas, kas manifestā: kontrolsumma %s, jābūt %s", "the content is not that of the manifest: SHA-256 %s, should be %s", false},
	CodeRenamed:    {SeverityAltered, "fails ir pārsaukts: tā saturs ir failā %s", "the file was renamed: its content is in %s", false},
	CodeSwapped:    {SeverityAltered, "faila vietā ir cita faila saturs: %s", "in its place stands the content of another file: %s", false},

	CodeSegment:  {SeverityAltered, "ieraksts ir izmainīts: %s baiti no %s. baita", "the recording was changed: %s bytes from byte %s", false},
	CodeCut:      {SeverityAltered, "segments ir nocirsts: trūkst %s baitu beigās", "the segment was cut off: %s bytes are missing at its end", false},
	CodeLonger:   {SeverityAltered, "segmentam beigās pielikti %s baiti", "%s bytes were added at the end of the segment", false},
	CodeRemoved:  {SeverityAltered, "no segmenta vidus izņemts ieraksts pie %s. baita", "a piece was taken out of the segment at byte %s", false},
	CodeHead:     {SeverityAltered, "izmainīta segmenta galvene (dati par ierakstu, ne attēls)", "the head of the segment was changed (what it says of itself, not the pictures)", false},
	CodeReplaced: {SeverityAltered, "segments ir aizstāts ar citu: %s", "the segment was replaced by another one: %s", false},
	CodeIdentity: {SeverityAltered, "fails pats par sevi saka citu, nekā manifests: %s", "the file says something else of itself than the manifest: %s", true},

	CodeManifest:    {SeverityAltered, "manifests nav tāds, kādu raksta programma: %s", "the manifest is not as the program writes it: %s", true},
	CodeManifestSum: {SeverityAltered, "manifests ir izmainīts: tā kontrolsumma ir %s, žurnālā ir %s", "the manifest was changed: its SHA-256 is %s, the log has %s", false},
	CodeContent:     {SeverityAltered, "manifests ir pretrunā pats ar sevi: %s", "the manifest contradicts itself: %s", true},
	CodeCoverage:    {SeverityAltered, "%s: ne ierakstīts, ne norādīts kā pārrāvums tieši vienu reizi", "%s: not accounted for exactly once, as recorded or as a gap", false},

	CodeCameraGone: {SeverityAltered, "plomba zina sesijas kameru, kuras pakotnē nav: %s", "the seal knows a camera of the session that the package does not have: %s", false},
	CodeLeftOut:    {SeverityNote, "kamera pakotnei nav prasīta un tajā nav: %s", "a camera was not asked for and is not in the package: %s", false},

	CodeKeys:        {SeverityAltered, "atslēgu saraksts neder: %s", "the list of keys is not valid: %s", true},
	CodeKeyChain:    {SeverityAltered, "žurnāla atslēgu maiņa nav pierādāma: %s", "the change of the log's keys cannot be proved: %s", true},
	CodeKeyOther:    {SeverityUnverifiable, "pakotni parakstījusi cita atslēga, nevis norādītā: %s", "the package is signed by another key than the one given: %s", false},
	CodeNotCompared: {SeverityNote, "žurnāla atslēga nav salīdzināta: norādiet --key ar kontrolsummu, kas iegūta citā ceļā", "the log's key was not compared: give --key with the fingerprint from another source", false},
	CodeCheckpoint:  {SeverityAltered, "žurnāla kontrolpunkts neder: %s", "the checkpoint of the log is not valid: %s", true},
	CodeSignature:   {SeverityAltered, "kontrolpunktam ir paraksts, kuram nav atslēgas: %s", "the checkpoint has a signature without a key: %s", false},
	CodeCosignature: {SeverityAltered, "līdzparaksts neder: %s", "a cosignature is not valid: %s", false},
	CodeNoWitness:   {SeverityUnverifiable, "nav prasītā līdzparakstītāja apliecinājuma: %s", "the required witness did not cosign: %s", false},
	CodeNotWitness:  {SeverityNote, "neviens nav līdzparakstījis: žurnāla beigu nogriešanu nevar izslēgt", "not witnessed: that the end of the log was cut off cannot be excluded", false},
	CodeWitnessOpen: {SeverityNote, "līdzparakstītājs nav salīdzināts: norādiet --witness ar tā kontrolsummu", "the witness was not compared: give --witness with its fingerprint", false},
	CodeClosing:     {SeverityAltered, "noslēguma paraksts neder: %s", "the closing signature is not valid: %s", true},
	CodeStamps:      {SeverityAltered, "laika zīmogs neder: %s", "a time stamp is not valid: %s", true},
	CodeStampOpen:   {SeverityNote, "laika zīmogs nav vērā ņemts: %s", "a time stamp was left aside: %s", true},
	CodeProofs:      {SeverityAltered, "pierādījumu saraksts neder: %s", "the list of proofs is not valid: %s", true},
	CodeProof:       {SeverityAltered, "ieraksts žurnālā nav pierādīts: %s", "an entry is not proved to be in the log: %s", true},
	CodeProofNone:   {SeverityAltered, "nav pierādījuma, ka žurnālā ir %s", "nothing proves that the log has %s", true},
	CodeProofExtra:  {SeverityAltered, "pierādīts kas tāds, kā manifestā nav: %s", "something is proved that the manifest does not have: %s", true},
	CodeLeaf:        {SeverityAltered, "žurnālā par to rakstīts citādi nekā manifestā: %s", "the log says otherwise than the manifest: %s", true},
}
