// Package play decides what an archive playback shows when, and fetches it. It
// knows nothing of WebRTC.
//
// Player is pure: it is told the time, commands and what was loaded, and answers
// with actions. It starts no goroutine, reads no clock and does no input or
// output. Reader and Feeder load recorded fragments for one camera.
//
// One play clock rules all cameras: the frame of a camera at wall clock T is its
// last frame with time ≤ T. RTP timestamps are the play clock's real time, so a
// frame's timestamp is the moment at which it is due, whatever the speed.
package play
