// Package readiness proves, before an exam, that each camera of its room can
// record: picture, sound, clock, room for the bytes, and a test recording that
// is written, brought to the store, read back and removed.
//
// It never decodes a picture and never connects to a camera: it joins the live
// hub like any viewer, so that a camera is pulled once and a recording under way
// is not disturbed. What was measured is judged by pure functions (judge.go);
// README.md beside this file says what each threshold stands on and what it
// cannot see.
package readiness
