package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"lieciba"
	"lieciba/storage/durable"
)

// A key file holds one master key a line, 64 hexadecimal digits each. The first
// one seals, all open. A line that begins with "next " holds a key that only
// opens yet: it waits until every node has it.
const nextPrefix = "next "

// maxKeyFile bounds a key file in bytes: 16 keys and more is a mistake.
const maxKeyFile = 2048

// keyLine is one line of a key file.
type keyLine struct {
	key  []byte
	next bool
}

func (l keyLine) String() string {
	if l.next {
		return nextPrefix + hex.EncodeToString(l.key)
	}
	return hex.EncodeToString(l.key)
}

// parseKeys reads keys apart by white space. Its error quotes nothing.
func parseKeys(text []byte) (lines []keyLine, err error) {
	next := false
	for _, word := range bytes.Fields(text) {
		if string(word)+" " == nextPrefix && !next {
			next = true
			continue
		}
		key := make([]byte, hex.DecodedLen(len(word)))
		if _, err := hex.Decode(key, word); err != nil || len(key) != KeySize {
			return nil, lieciba.Invalid("key", "must be %d hexadecimal digits", 2*KeySize)
		}
		lines, next = append(lines, keyLine{key, next}), false
	}
	if len(lines) == 0 || next || !slices.ContainsFunc(lines, func(l keyLine) bool { return !l.next }) {
		return nil, lieciba.Invalid("key", "must be %d hexadecimal digits", 2*KeySize)
	}
	return lines, nil
}

// sealFirst are the keys in the order of a Box: those that wait come last.
func sealFirst(lines []keyLine) (keys [][]byte) {
	for _, waits := range []bool{false, true} {
		for _, l := range lines {
			if l.next == waits {
				keys = append(keys, l.key)
			}
		}
	}
	return keys
}

// Open makes a Box of the keys in a file. A missing file is made with a fresh
// key, mode 0600. A file that others than its owner may read or write is refused:
// CodeInvalid with the cure. The file is read again when it changes.
func Open(keyFile string) (*Box, error) {
	if _, err := os.Lstat(keyFile); errors.Is(err, os.ErrNotExist) {
		fresh := keyLine{key: make([]byte, KeySize)}
		_, _ = rand.Read(fresh.key) // documented never to fail
		err := durable.CreateFile(keyFile, []byte(fresh.String()+"\n"), 0o600)
		if err != nil && lieciba.CodeOf(err) != lieciba.CodeConflict { // another process made it: its key is as good
			return nil, err
		}
	}
	return Load(keyFile)
}

// Load is Open for a file that must be there, such as a credential that the
// service manager hands over: CodeNotFound when it is not.
func Load(keyFile string) (*Box, error) {
	lines, stamp, err := readKeyFile(keyFile)
	if err != nil {
		return nil, err
	}
	b, err := New(sealFirst(lines)...)
	if err != nil {
		return nil, err
	}
	b.file, b.stamp = keyFile, stamp
	return b, nil
}

// refresh reads the file again if it changed and reports whether it did. A file
// that cannot be read leaves the keys as they were: they open what they opened.
func (b *Box) refresh() bool {
	if b.file == "" {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	info, err := os.Stat(b.file)
	if err != nil || stampOf(info) == b.stamp {
		return false
	}
	fresh, err := Load(b.file)
	if err != nil {
		return false
	}
	b.keys, b.stamp = fresh.keys, fresh.stamp
	return true
}

func stampOf(info os.FileInfo) string { return fmt.Sprint(info.Size(), info.ModTime().UnixNano()) }

func readKeyFile(path string) (lines []keyLine, stamp string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", durable.Error(err)
	}
	lines, stamp, err = readKeys(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, "", durable.Error(err)
	}
	return lines, stamp, nil
}

func readKeys(f *os.File) ([]keyLine, string, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, "", err
	}
	if !info.Mode().IsRegular() {
		return nil, "", lieciba.Invalid("key_file", "%s is not a regular file", f.Name())
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, "", lieciba.Invalid("key_file", "%s can be read or changed by others (mode %04o): run chmod 600 on it, and replace the key if it was exposed", f.Name(), info.Mode().Perm())
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, "", err
	}
	lines, err := parseKeys(raw)
	if err != nil || len(raw) > maxKeyFile {
		return nil, "", lieciba.Invalid("key_file", "%s does not hold keys of %d hexadecimal digits: restore it from your backup; if nothing was sealed with it yet, remove it and a new one is made", f.Name(), 2*KeySize)
	}
	return lines, stampOf(info), nil
}

func writeKeyFile(path string, lines []keyLine) error {
	var text strings.Builder
	for _, l := range lines {
		text.WriteString(l.String() + "\n")
	}
	return durable.WriteFile(path, []byte(text.String()), 0o600)
}

// Prepare adds a fresh key to a key file that opens and does not seal yet. A key
// that waits already is left alone: added is false.
func Prepare(keyFile string) (id KeyID, added bool, err error) {
	return addKey(keyFile, true)
}

// Promote puts a new key first: the one that waits, else a fresh one. When the
// file holds older keys beside already, a rotation was broken off: nothing is
// added, and added is false.
func Promote(keyFile string) (id KeyID, added bool, err error) {
	return addKey(keyFile, false)
}

func addKey(keyFile string, next bool) (KeyID, bool, error) {
	lines, _, err := readKeyFile(keyFile)
	if err != nil {
		return KeyID{}, false, err
	}
	waits := slices.IndexFunc(lines, func(l keyLine) bool { return l.next })
	if waits >= 0 && next {
		id, err := idOf(lines[waits])
		return id, false, err
	}
	if waits < 0 && !next && len(lines) > 1 {
		id, err := idOf(lines[0])
		return id, false, err
	}
	fresh := keyLine{key: make([]byte, KeySize), next: next}
	_, _ = rand.Read(fresh.key) // documented never to fail
	switch {
	case next:
		lines = append(lines, fresh)
	case waits >= 0:
		fresh = keyLine{key: lines[waits].key}
		lines = slices.Insert(slices.Delete(lines, waits, waits+1), 0, fresh)
	default:
		lines = slices.Insert(lines, 0, fresh)
	}
	id, err := idOf(fresh)
	if err != nil {
		return id, false, err
	}
	return id, true, writeKeyFile(keyFile, lines)
}

func idOf(l keyLine) (KeyID, error) {
	k, err := newMasterKey(l.key)
	return k.id, err
}

// Retire takes every key but keep out of a key file, and keeps each beside it as
// FILE.retired-ID, mode 0600: the caller has proved that no secret needs them; a
// backup may. It may be repeated.
func Retire(keyFile string, keep KeyID) (retired []string, err error) {
	lines, _, err := readKeyFile(keyFile)
	if err != nil {
		return nil, err
	}
	var left, gone []keyLine
	kept := false
	for _, l := range lines {
		id, err := idOf(l)
		if err != nil {
			return nil, err
		}
		if id != keep && !l.next {
			gone = append(gone, l)
			continue
		}
		left, kept = append(left, l), kept || id == keep && !l.next
	}
	if !kept {
		return nil, lieciba.Errorf(lieciba.CodeConflict, "the key file does not hold the key %s that is to stay: nothing was removed from it", keep)
	}
	for _, l := range gone {
		id, err := idOf(l)
		if err != nil {
			return retired, err
		}
		path := keyFile + ".retired-" + id.String()
		if err := durable.WriteFile(path, []byte(keyLine{key: l.key}.String()+"\n"), 0o600); err != nil {
			return retired, err
		}
		retired = append(retired, path)
	}
	if len(retired) == 0 {
		return nil, nil
	}
	return retired, writeKeyFile(keyFile, left)
}
