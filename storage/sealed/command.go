package sealed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"larder/registry"
)

const (
	// commandTime is how long a key command may take.
	commandTime = 30 * time.Second
	// commandOutput bounds what it may write, in bytes.
	commandOutput = 64 << 10
	// commandSays is how much of its complaint is told, in bytes.
	commandSays = 300
)

// Command seals and unseals data keys by running a program with one more
// argument, "seal" or "unseal": bytes come on its standard input and go to its
// standard output, and exit status zero says that it is done. The variable
// LARDER_KEY_CONTEXT names the key, for services that bind what they encrypt to a
// context and keep a record of it, and LARDER_DOMAIN_KEY is the encryption key that
// its domain was created with, for those that have several; no other variable of
// Larder's is passed on.
type Command struct {
	argv  []string
	limit time.Duration
}

// ParseCommand reads a program and its arguments, parted by white space.
func ParseCommand(line string) (*Command, error) {
	argv := strings.Fields(line)
	if len(argv) == 0 {
		return nil, errors.New("name a program, and its arguments")
	}
	return &Command{argv: argv, limit: commandTime}, nil
}

// keyContext is what a command is told of a key.
type keyContext struct{ purpose, id, domainKey string }

// boundSize is how many bytes follow a key that is given to the command: what it
// is for, so that no sealed key passes for another one and no wrong answer for a key.
const boundSize = 16

func (k keyContext) bound() []byte {
	sum := sha256.Sum256([]byte(k.purpose + "\x00" + k.id))
	return sum[:boundSize]
}

func (c *Command) seal(ctx context.Context, of keyContext, key []byte) ([]byte, error) {
	out, err := c.run(ctx, "seal", of, append(slices.Clone(key), of.bound()...))
	if err == nil && len(out) == 0 {
		err = c.failed("seal", errors.New("it has written nothing"))
	}
	return out, err
}

func (c *Command) unseal(ctx context.Context, of keyContext, sealed []byte) ([]byte, error) {
	out, err := c.run(ctx, "unseal", of, sealed)
	if err != nil {
		return nil, err
	}
	n := len(out) - boundSize
	if n < 0 || subtle.ConstantTimeCompare(out[n:], of.bound()) != 1 {
		return nil, c.failed("unseal", errors.New("what it has written is not what was sealed"))
	}
	return out[:n], nil
}

// run outlives the request that needs the key: the next one needs it, too.
func (c *Command) run(ctx context.Context, verb string, of keyContext, in []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.argv[0], append(slices.Clone(c.argv[1:]), verb)...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "LARDER_") }),
		"LARDER_KEY_CONTEXT="+of.purpose+" "+of.id, "LARDER_DOMAIN_KEY="+of.domainKey)
	cmd.Stdin = bytes.NewReader(in)
	out, says := &limited{left: commandOutput}, &limited{left: commandSays, cut: true}
	cmd.Stdout, cmd.Stderr = out, says
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	switch {
	case err == nil:
		return out.held, nil
	case ctx.Err() != nil:
		err = fmt.Errorf("it takes longer than %s", c.limit)
	case out.left < 0:
		err = fmt.Errorf("it writes more than %d bytes", commandOutput)
	case len(bytes.TrimSpace(says.held)) > 0:
		err = fmt.Errorf("%w: %q", err, bytes.TrimSpace(says.held))
	}
	return nil, c.failed(verb, err)
}

func (c *Command) failed(verb string, err error) error {
	return &registry.Error{
		Code: registry.Unavailable, Msg: "the key that these bytes are sealed by cannot be had now; repeat the request later",
		Err: fmt.Errorf("--key-command: %s %s: %w", c.argv[0], verb, err),
	}
}

// limited is a buffer of so many bytes. What is over that is an error, or cut off.
type limited struct {
	held []byte
	left int
	cut  bool
}

func (l *limited) Write(p []byte) (int, error) {
	n := len(p)
	if n > l.left {
		if !l.cut {
			l.left = -1
			return 0, errors.New("too much")
		}
		p = p[:l.left]
	}
	l.left -= len(p)
	l.held = append(l.held, p...)
	return n, nil
}
