package server

import "syscall"

// maxConnections is how many connections pages and API take at once, of the open
// files that the process may have. The rest is the recorder's: who opens
// connections without end must never stop a recording.
func maxConnections(files uint64) int { return int(max(16, min(4096, files/4))) }

// openFiles is the process's limit. (Go raises it to the hard limit at start.)
func openFiles() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 1024 // what a process is given as a rule
	}
	return limit.Cur
}
