package recorder

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"sync/atomic"
)

// ssrcDialer dials cameras and can change the SSRC of the RTP packets that come.
type ssrcDialer struct{ add atomic.Uint32 }

func (d *ssrcDialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &ssrcConn{Conn: c, in: bufio.NewReader(c), d: d}, nil
}

// ssrcConn reads whole RTSP messages and interleaved frames (RFC 2326, 10.12).
type ssrcConn struct {
	net.Conn
	in   *bufio.Reader
	d    *ssrcDialer
	rest []byte
}

func (c *ssrcConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		var err error
		if c.rest, err = c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *ssrcConn) next() ([]byte, error) {
	first, err := c.in.Peek(1)
	if err != nil {
		return nil, err
	}
	if first[0] != '$' {
		return c.message()
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(c.in, head); err != nil {
		return nil, err
	}
	frame := append(head, make([]byte, binary.BigEndian.Uint16(head[2:]))...)
	if _, err := io.ReadFull(c.in, frame[4:]); err != nil {
		return nil, err
	}
	if head[1]%2 == 0 { // RTP
		ssrc := frame[4+8 : 4+12]
		binary.BigEndian.PutUint32(ssrc, binary.BigEndian.Uint32(ssrc)+c.d.add.Load())
	}
	return frame, nil
}

func (c *ssrcConn) message() ([]byte, error) {
	var out []byte
	length := 0
	for {
		line, err := c.in.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		out = append(out, line...)
		if len(line) <= 2 {
			break
		}
		if k, v, ok := cut(line); ok && k == "Content-Length" {
			if length, err = strconv.Atoi(v); err != nil {
				return nil, err
			}
		}
	}
	body := make([]byte, length)
	_, err := io.ReadFull(c.in, body)
	return append(out, body...), err
}

func cut(line []byte) (k, v string, ok bool) {
	for i, b := range line {
		if b == ':' {
			return textproto.CanonicalMIMEHeaderKey(string(line[:i])), textproto.TrimString(string(line[i+1:])), true
		}
	}
	return "", "", false
}

// countingDialer counts connections.
type countingDialer struct{ n atomic.Int64 }

func (d *countingDialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.n.Add(1)
	return (&net.Dialer{}).DialContext(ctx, network, address)
}
