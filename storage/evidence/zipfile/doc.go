// Package zipfile writes and reads the container of an evidence package: a ZIP
// archive (PKWARE APPNOTE.TXT 6.3.10) in one canonical form. For a list of
// entries (name, content) there is exactly one archive, so a reader can prove
// that nothing was added between, before or behind the entries, and that no
// field says what the writer did not say.
//
// The form, all integers little endian:
//
//	archive   = entry… directory record locator end
//	entry     = local header, content, descriptor
//	directory = one central header for each entry, in the same order
//
// Local header (4.3.7): signature 04034b50, version 45, flags 0808 (sizes
// follow in a descriptor; names are UTF-8), method 0 (stored), time 0000, date
// 0021 (1980-01-01), CRC-32 0, both sizes FFFFFFFF, name length, extra length
// 20, name, ZIP64 extra field (4.5.3: 0001, length 16, both sizes 0).
//
// Descriptor (4.3.9): signature 08074b50, CRC-32, compressed size and size,
// 8 bytes each.
//
// Central header (4.3.12): signature 02014b50, made by 45 (MS-DOS, 4.5),
// version 45, flags, method, time and date as above, CRC-32, both sizes
// FFFFFFFF, name length, extra length 28, comment length 0, disk 0, attributes
// 0 and 0, offset FFFFFFFF, name, ZIP64 extra field (0001, length 24: size,
// compressed size, offset of the local header).
//
// ZIP64 end record (4.3.14): signature 06064b50, size 44, made by and version
// 45, disks 0 and 0, number of entries twice, size and offset of the directory.
// Locator (4.3.15): signature 07064b50, disk 0, offset of the record, disks 1.
// End (4.3.16): signature 06054b50, disks 0 and 0, entries FFFF twice, size and
// offset FFFFFFFF, comment length 0.
//
// ZIP64 is used for every archive, large or small: a rule without a threshold
// has no case that is tested by large files only.
//
// Names (CheckName) are plain ASCII paths that are safe to unpack anywhere.
package zipfile

import "lieciba"

func corrupt(format string, args ...any) error {
	return lieciba.Errorf(lieciba.CodeCorrupt, format, args...)
}
