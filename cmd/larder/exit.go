package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// Exit statuses of every command; docs/cli.md names them.
const (
	exitFailed  = 1
	exitUsage   = 2 // the command line is wrong, or lacks a yes
	exitMissing = 3 // what was named is not there
	exitRefused = 4 // not allowed, or the credentials are not good
)

// usageError is a fault of the command line.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// apiFailure is an error that the API answered.
type apiFailure struct {
	code     string // such as ResourceNotFoundException
	resource string // type of the resource that it is about, where the answer has it
	text     string
}

func (e *apiFailure) Error() string { return e.text }

func exitStatus(err error) int {
	var api *apiFailure
	switch {
	case !errors.As(err, new(ranError)), errors.As(err, new(usageError)):
		return exitUsage
	case !errors.As(err, &api):
		return exitFailed
	}
	switch api.code {
	case "ResourceNotFoundException", "NoSuchEntity", "AccountNotFoundException":
		return exitMissing
	case "AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId",
		"SignatureDoesNotMatch", "MissingAuthenticationTokenException", "ExpiredTokenException", "ExpiredToken":
		return exitRefused
	}
	return exitFailed
}

// ranError is an error of a command that ran; what fails before is a fault of
// the command line.
type ranError struct{ error }

func (e ranError) Unwrap() error { return e.error }

// markRan lets exitStatus tell what failed before a command ran.
func markRan(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if err := run(cmd, args); err != nil {
				return ranError{err}
			}
			return nil
		}
	}
	for _, c := range cmd.Commands() {
		markRan(c)
	}
}

// advise adds to an error what to type to see what there is.
func (s *session) advise(err error) error {
	var api *apiFailure
	if !errors.As(err, &api) || api.code != "ResourceNotFoundException" {
		return err
	}
	next := ""
	switch api.resource {
	case "domain":
		next = "larder domain list"
	case "repository":
		next = "larder repository list" + s.again(false)
	case "package":
		next = "larder package list" + s.again(true)
	default:
		return err
	}
	return &apiFailure{api.code, api.resource, api.text + "; see: " + next}
}

// instead adds to one kind of error what helps there.
func (s *session) instead(err error, code, hint string) error {
	err = s.say(err)
	var api *apiFailure
	if errors.As(err, &api) && api.code == code {
		return &apiFailure{api.code, "", api.text + "; " + hint}
	}
	return err
}

// missingVersion adds to the error that a version is not there which there are.
func (s *session) missingVersion(err error, a address) error {
	err = s.say(err)
	var api *apiFailure
	if errors.As(err, &api) && api.resource == "package-version" {
		return s.instead(err, api.code, "see: larder package versions "+a.String()+s.again(true))
	}
	return err
}
