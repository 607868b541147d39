package bench

import (
	"bytes"
	"fmt"
	"strconv"
)

var lengthHeader = []byte("\r\nContent-Length: ")

// answerSize is the length of a whole answer, 0 while its head is not complete. Anything but a 2xx is an error.
func answerSize(b []byte) (int, error) {
	head := bytes.Index(b, []byte("\r\n\r\n"))
	if head < 0 {
		return 0, nil
	}
	if len(b) < 12 || b[9] != '2' {
		return 0, fmt.Errorf("not a good answer: %.300q", b)
	}
	at := bytes.Index(b[:head], lengthHeader)
	if at < 0 {
		return 0, fmt.Errorf("no Content-Length: %.200q", b[:head])
	}
	digits, _, _ := bytes.Cut(b[at+len(lengthHeader):head+2], []byte{'\r'})
	n, err := strconv.Atoi(string(digits))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("Content-Length %q", digits)
	}
	return head + 4 + n, nil
}
