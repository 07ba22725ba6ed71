package export

import (
	"fmt"

	"lieciba/storage/evidence"
)

// readme is README.txt: how to verify, in Latvian and English.
func readme(m evidence.Manifest, keys evidence.Keys) []byte {
	fingerprint := evidence.FingerprintGroups(evidence.Fingerprint(keys.Log[len(keys.Log)-1]))
	return fmt.Appendf(nil, readmeText, m.Session.ExternalID, m.ExportID, fingerprint, m.Session.ExternalID, m.ExportID, fingerprint)
}

const readmeText = `LIECIBA – PIERĀDĪJUMU PAKOTNE
Eksāmena sesija: %s
Pakotne: %s

Kas šeit ir
  segments/      ieraksts, kā to nosūtīja kameras: pierādījums
  viewing/       skatīšanās kopijas: ērtākai skatīšanai, nav pierādījums
  report.lv.html pārskats lasīšanai un drukāšanai
  manifest.json  saturs, pārrāvumi un to cēloņi, piekļuves izraksts
  keys.json      pārbaudes atslēgas
  evidence/      apliecinājumi, ka ieraksts stāv žurnālā un nav mainīts

Kā pārbaudīt (bez tīkla; programma lieciba, tā pati, kas ieraksta)
  1. Pārbaudiet visu failu, kā to saņēmāt, vai izpakoto mapi:
       lieciba verify PAKOTNE.zip --key "ATSLĒGAS KONTROLSUMMA"
  2. Žurnāla atslēgas kontrolsummu uzziniet citā ceļā, ne no šīs pakotnes:
     no iestādes rakstiski vai pa tālruni. Tai jābūt:
       %s
  3. Slēdziens ir viens no četriem: pilnīgs; pilnīgs ar norādītiem
     pārrāvumiem; izmainīts (kurš fails un laiks); nav pārbaudāms (kāpēc).
  Šifrētai pakotnei (.age) pievienojiet --identity AR_JŪSU_ATSLĒGU.txt

Kā pārbaudīt bez programmas lieciba (izpakotā mapē)
  1. Katra faila kontrolsummai (SHA-256) jābūt tai, kas manifest.json
     sarakstā "files" ir pie šī faila nosaukuma. Vienu failu pārbauda:
       sha256sum FAILS     (Windows: certutil -hashfile FAILS SHA256)
     Visus reizē (katrā rindā jābūt True):
       python3 -c "import json, hashlib; [print(
         hashlib.sha256(open(f['name'], 'rb').read()).hexdigest()
         == f['sha256'], f['name'])
         for f in json.load(open('manifest.json', 'rb'))['files']]"
  2. Tas rāda, ka faili saskan ar manifestu. Ka pats manifests nav mainīts,
     rāda mape evidence/: visi soļi ar komandām ir programmas lieciba
     pirmkoda failā storage/evidence/EVIDENCE.md, nodaļā "By hand".

LIECIBA – EVIDENCE PACKAGE
Exam session: %s
Package: %s

What is here
  segments/      the recording as the cameras sent it: the evidence
  viewing/       viewing copies, for convenience: not evidence
  report.en.html a report to read and to print
  manifest.json  contents, gaps and their causes, extract of the access log
  keys.json      the verification keys
  evidence/      proofs that the recording stands in the log, unaltered

How to verify (no network; with lieciba, the same program that records)
  1. Check the whole file as you received it, or the unpacked folder:
       lieciba verify PACKAGE.zip --key "FINGERPRINT"
  2. Get the key's fingerprint by another way than this package: from the
     authority in writing or by telephone. It must be:
       %s
  3. The verdict is one of four: complete; complete with declared gaps;
     altered (which file and time); unverifiable (why).
  For an encrypted package (.age) add --identity YOUR_KEY.txt

How to verify without lieciba (in the unpacked folder)
  1. The SHA-256 of each file must be the one that manifest.json has beside
     its name in the list "files". One file:
       sha256sum FILE     (Windows: certutil -hashfile FILE SHA256)
     All at once (each line must say True):
       python3 -c "import json, hashlib; [print(
         hashlib.sha256(open(f['name'], 'rb').read()).hexdigest()
         == f['sha256'], f['name'])
         for f in json.load(open('manifest.json', 'rb'))['files']]"
  2. That shows that the files are those of the manifest. That the manifest
     itself was not changed, evidence/ shows: all steps, with commands, are
     in the source of lieciba, storage/evidence/EVIDENCE.md, "By hand".
`
