// Package viewer shows pictures: live (WHEP) and from the archive, both over
// WebRTC. PROTOCOL.md is what a page has to know.
//
// A camera is joined once whatever number of people watch it, and its frames
// are cut into RTP payloads once (viewer/packet). Each viewer has own tracks
// with own sequence numbers and timestamps. What to show when is decided
// without clock and network (viewer/play); this package acts on it.
package viewer
