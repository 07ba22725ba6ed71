package zipfile

import (
	"encoding/binary"
	"io"
)

const (
	signatureLocal      = 0x04034b50
	signatureDescriptor = 0x08074b50
	signatureCentral    = 0x02014b50
	signatureRecord     = 0x06064b50
	signatureLocator    = 0x07064b50
	signatureEnd        = 0x06054b50

	version = 45         // 4.5: ZIP64
	flags   = 0x0808     // descriptor, UTF-8
	date    = 1<<5 | 1   // 1980-01-01
	large   = 0xFFFFFFFF // the value is in the ZIP64 field

	localFixed     = 30 + 20 // without the name
	descriptorSize = 24
	centralFixed   = 46 + 28
	recordSize     = 56
	locatorSize    = 20
	endSize        = 22
	tailSize       = recordSize + locatorSize + endSize
)

// Entry is one file of an archive.
type Entry struct {
	Name   string
	Offset int64 // of its local header
	Size   int64 // of its content, in bytes
	CRC32  uint32
	SHA256 [32]byte // of its content; a Reader does not know it before the content was read
}

// Content is the offset of the entry's content.
func (e Entry) Content() int64 { return e.Offset + localFixed + int64(len(e.Name)) }

// End is the offset behind the entry.
func (e Entry) End() int64 { return e.Content() + e.Size + descriptorSize }

// Size is the exact size in bytes of the finished archive of these entries; of
// each, Name and Size are looked at.
func Size(entries []Entry) int64 {
	n := int64(tailSize)
	for _, e := range entries {
		n += localFixed + centralFixed + 2*int64(len(e.Name)) + e.Size + descriptorSize
	}
	return n
}

var le = binary.LittleEndian

// appendLocal adds the local header of an entry.
func appendLocal(b []byte, e Entry) []byte {
	b = le.AppendUint32(b, signatureLocal)
	b = le.AppendUint16(b, version)
	b = appendCommon(b, 0)
	b = le.AppendUint16(b, uint16(len(e.Name)))
	b = le.AppendUint16(b, 20)
	b = append(b, e.Name...)
	return appendZIP64(b, 0, 0)
}

// appendCommon adds what local and central header share, flags to sizes.
func appendCommon(b []byte, crc uint32) []byte {
	b = le.AppendUint16(b, flags)
	b = le.AppendUint16(b, 0) // stored
	b = le.AppendUint16(b, 0) // time
	b = le.AppendUint16(b, date)
	b = le.AppendUint32(b, crc)
	b = le.AppendUint32(b, large)
	return le.AppendUint32(b, large)
}

func appendZIP64(b []byte, values ...int64) []byte {
	b = le.AppendUint16(b, 1)
	b = le.AppendUint16(b, uint16(8*len(values)))
	for _, v := range values {
		b = le.AppendUint64(b, uint64(v))
	}
	return b
}

func appendDescriptor(b []byte, e Entry) []byte {
	b = le.AppendUint32(b, signatureDescriptor)
	b = le.AppendUint32(b, e.CRC32)
	b = le.AppendUint64(b, uint64(e.Size))
	return le.AppendUint64(b, uint64(e.Size))
}

// appendCentral adds the entry's header in the directory.
func appendCentral(b []byte, e Entry) []byte {
	b = le.AppendUint32(b, signatureCentral)
	b = le.AppendUint16(b, version)
	b = le.AppendUint16(b, version)
	b = appendCommon(b, e.CRC32)
	b = le.AppendUint16(b, uint16(len(e.Name)))
	b = le.AppendUint16(b, 28)
	b = append(b, make([]byte, 2+2+2+4)...) // comment, disk, attributes
	b = le.AppendUint32(b, large)
	b = append(b, e.Name...)
	return appendZIP64(b, e.Size, e.Size, e.Offset)
}

// tail is all that stands behind the directory.
type tail struct {
	entries      int64
	offset, size int64 // of the directory
}

func (t tail) append(b []byte) []byte {
	b = le.AppendUint32(b, signatureRecord)
	b = le.AppendUint64(b, recordSize-12)
	b = le.AppendUint16(b, version)
	b = le.AppendUint16(b, version)
	b = le.AppendUint64(b, 0) // disks
	for _, v := range []int64{t.entries, t.entries, t.size, t.offset} {
		b = le.AppendUint64(b, uint64(v))
	}
	b = le.AppendUint32(b, signatureLocator)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, uint64(t.offset+t.size))
	b = le.AppendUint32(b, 1)
	b = le.AppendUint32(b, signatureEnd)
	b = le.AppendUint32(b, 0)     // disks
	b = le.AppendUint32(b, large) // entries, twice
	b = le.AppendUint32(b, large)
	b = le.AppendUint32(b, large)
	return le.AppendUint16(b, 0)
}

// writeAll writes b whole, whatever w thinks of io.Writer's contract.
func writeAll(w io.Writer, b []byte) error {
	n, err := w.Write(b)
	if err == nil && n != len(b) {
		err = io.ErrShortWrite
	}
	return err
}
