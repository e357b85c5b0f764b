package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// nugetPlugin speaks the plugin side of NuGet's protocol for cross platform
// plugins: JSON messages, one a line, requests in both directions. (NuGet/Home
// wiki, "NuGet cross plat authentication plugin" and "NuGet Package Download
// Plugin"; messages recorded from nuget.exe 5.8.)
type nugetPlugin struct {
	out   io.Writer
	token func(url string) (string, error) // errNotOurs where it has none
}

// nugetProtocol is the version that has credentials without a package source.
const nugetProtocol = "2.0.0"

// maxNuGetMessage is the most that one message may hold, in bytes.
const maxNuGetMessage = 1 << 20

type nugetMessage struct {
	RequestID string `json:"RequestId"`
	Type      string
	Method    string
	Payload   any `json:",omitempty"`
}

// nugetRequest holds the members of all requests that matter here.
type nugetRequest struct {
	RequestID string `json:"RequestId"`
	Type      string
	Method    string
	Payload   struct {
		ProtocolVersion         string
		MinimumProtocolVersion  string
		PackageSourceRepository string
		URI                     string `json:"Uri"`
	}
}

// nugetAnswer is the payload of every answer but those with members of their own.
type nugetAnswer struct{ ResponseCode string }

// serve answers until NuGet says Close or ends.
func (p *nugetPlugin) serve(in io.Reader) error {
	// Both sides ask for the handshake.
	err := p.send(nugetMessage{RequestID: uuid.NewString(), Type: "Request", Method: "Handshake", Payload: map[string]string{
		"ProtocolVersion": nugetProtocol, "MinimumProtocolVersion": nugetProtocol,
	}})
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxNuGetMessage)
	for lines.Scan() {
		text := strings.TrimPrefix(strings.TrimSpace(lines.Text()), "\ufeff")
		if text == "" {
			continue
		}
		var r nugetRequest
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			return fmt.Errorf("this is no message of NuGet's plugin protocol: %w", err)
		}
		if r.Type != "Request" {
			continue // the answer to our handshake, or a notice of theirs
		}
		if r.Method == "Close" {
			return nil
		}
		if err := p.send(nugetMessage{RequestID: r.RequestID, Type: "Response", Method: r.Method, Payload: p.answer(r)}); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("cannot read NuGet's messages: %w", err)
	}
	return nil
}

func (p *nugetPlugin) send(m nugetMessage) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = p.out.Write(append(text, '\n'))
	return err
}

func (p *nugetPlugin) answer(r nugetRequest) any {
	switch r.Method {
	case "Handshake":
		if major(r.Payload.MinimumProtocolVersion) > major(nugetProtocol) || major(r.Payload.ProtocolVersion) < major(nugetProtocol) {
			return nugetAnswer{"Error"}
		}
		return map[string]string{"ResponseCode": "Success", "ProtocolVersion": nugetProtocol}
	case "GetOperationClaims":
		claims := []string{}
		if r.Payload.PackageSourceRepository == "" { // with one it is about downloads
			claims = append(claims, "Authentication")
		}
		return map[string][]string{"Claims": claims}
	case "GetAuthenticationCredentials":
		return p.credentials(r.Payload.URI)
	case "Initialize", "SetLogLevel", "SetCredentials", "MonitorNuGetProcessExit": // when NuGet ends, so does our input
		return nugetAnswer{"Success"}
	}
	return nugetAnswer{"NotFound"}
}

// nugetCredentials is the answer to GetAuthenticationCredentials.
type nugetCredentials struct {
	ResponseCode        string
	Username            string   `json:",omitempty"`
	Password            string   `json:",omitempty"`
	AuthenticationTypes []string `json:",omitempty"`
	Message             string   `json:",omitempty"`
}

func (p *nugetPlugin) credentials(of string) nugetCredentials {
	u, err := url.Parse(of)
	if err != nil {
		return nugetCredentials{ResponseCode: "NotFound", Message: errNotOurs.Error()}
	}
	token, err := p.token(u.String())
	switch {
	case errors.Is(err, errNotOurs):
		return nugetCredentials{ResponseCode: "NotFound", Message: err.Error()}
	case err != nil:
		return nugetCredentials{ResponseCode: "Error", Message: "larder: " + sentence(err)}
	}
	return nugetCredentials{ResponseCode: "Success", Username: helperUser, Password: token, AuthenticationTypes: []string{"basic"}}
}

// major is the first number of a version, 0 where there is none.
func major(version string) int {
	n := 0
	_, _ = fmt.Sscanf(version, "%d", &n)
	return n
}
