package parse

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// maxHanded is the length of what is said of a document that is handed over.
const maxHanded = 16 << 10

// canWait says that a document can be handed to a process that runs already.
const canWait = true

func socketpair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "parent"), os.NewFile(uintptr(fds[1]), "child"), nil
}

// hand gives a child that waits its document.
func (c *child) hand(req request, doc *os.File) error {
	said, err := json.Marshal(request{Name: req.Name, MediaType: req.MediaType})
	if err != nil {
		return err
	}
	if len(said) > maxHanded {
		return errors.New("the name is too long")
	}
	socket, err := c.socket.SyscallConn()
	if err != nil {
		return err
	}
	failed := socket.Control(func(fd uintptr) {
		err = unix.Sendmsg(int(fd), said, unix.UnixRights(int(doc.Fd())), nil, unix.MSG_NOSIGNAL)
	})
	return cmp.Or(failed, err)
}

// receive waits for the document, and puts it in the place of the socket: nothing else can come, or go.
// The end of the parent, or its loss of interest, is an error.
func receive(req *request) error {
	said, control := make([]byte, maxHanded), make([]byte, unix.CmsgSpace(4))
	n, nc, _, _, err := unix.Recvmsg(documentFD, said, control, unix.MSG_CMSG_CLOEXEC)
	if err != nil || n == 0 {
		return errors.New("no document came")
	}
	messages, err := unix.ParseSocketControlMessage(control[:nc])
	if err != nil || len(messages) != 1 {
		return errors.New("the document cannot be received")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return errors.New("the document cannot be received")
	}
	if err := unix.Dup3(fds[0], documentFD, unix.O_CLOEXEC); err != nil {
		return errors.New("the document cannot be received")
	}
	var got request
	if err := json.Unmarshal(said[:n], &got); err != nil {
		return errors.New("the request cannot be read")
	}
	req.Name, req.MediaType = got.Name, got.MediaType
	return unix.Close(fds[0])
}
