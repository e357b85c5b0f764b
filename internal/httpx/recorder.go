package httpx

import (
	"io"
	"net/http"
	"syscall"
)

// Recorder counts what is answered. It hands files on whole, so that the
// kernel still sends them, and lets http.ResponseController reach the writer
// beneath.
type Recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// Status is the answer's status: 200 before anything was answered.
func (w *Recorder) Status() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// Bytes counts the body's bytes.
func (w *Recorder) Bytes() int64 { return w.bytes }

// Started reports whether the header is out, so that no other answer can be given.
func (w *Recorder) Started() bool { return w.status != 0 }

// WriteHeader keeps the final status; informational ones pass.
func (w *Recorder) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *Recorder) begin() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
}

func (w *Recorder) Write(b []byte) (int, error) {
	w.begin()
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// WriteString saves a copy where the writer beneath takes strings.
func (w *Recorder) WriteString(s string) (int, error) {
	w.begin()
	n, err := io.WriteString(w.ResponseWriter, s)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom passes src to the writer beneath: the way to sendfile. The header of
// a file goes out by itself: net/http would read the beginning of the file to
// send it along, one more system call.
func (w *Recorder) ReadFrom(src io.Reader) (int64, error) {
	w.begin()
	if part, ok := src.(*io.LimitedReader); ok {
		if _, ok := part.R.(syscall.Conn); ok {
			w.Flush()
		}
	}
	n, err := io.Copy(w.ResponseWriter, src)
	w.bytes += n
	return n, err
}

// Flush sends what is buffered.
func (w *Recorder) Flush() {
	w.begin()
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (w *Recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Recording gives the writer as a Recorder, wrapping it where it is none.
func Recording(w http.ResponseWriter) *Recorder {
	if rec, ok := w.(*Recorder); ok {
		return rec
	}
	return &Recorder{ResponseWriter: w}
}
