package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// secretFlags says where a secret is read from. There is no flag for the secret itself:
// every user of the machine can see what is on a command line.
type secretFlags struct {
	what  string
	files *[]string
	env   *string
	stdin *bool
}

// newSecretFlags gives a command the flags --NAME-file, --NAME-env and --NAME-stdin.
func newSecretFlags(cmd *cobra.Command, name, what string) *secretFlags {
	f := cmd.Flags()
	s := &secretFlags{
		what:  what,
		files: f.StringArray(name+"-file", nil, "read "+what+" from this file; given several times, they are tried in order"),
		env:   f.String(name+"-env", "", "read "+what+" from the environment variable of this name"),
		stdin: f.Bool(name+"-stdin", false, "read "+what+" from standard input; several lines are tried in order"),
	}
	cmd.MarkFlagsMutuallyExclusive(name+"-file", name+"-env", name+"-stdin")
	return s
}

func (s *secretFlags) given() bool { return len(*s.files) > 0 || *s.env != "" || *s.stdin }

// read returns the secrets, in the order in which they are to be tried.
func (s *secretFlags) read(in io.Reader) ([]string, error) {
	var list []string
	for _, path := range *s.files {
		f, err := os.Open(path) //nolint:gosec // The path is the operator's.
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", s.what, err)
		}
		lines, err := secretLines(f)
		_ = f.Close() // Nothing was written to it.
		if err != nil || len(lines) != 1 {
			return nil, fmt.Errorf("read %s from %s: %w", s.what, path, errors.Join(err, errOneLine(lines)))
		}
		list = append(list, lines...)
	}
	if *s.env != "" {
		v, ok := os.LookupEnv(*s.env)
		if !ok || v == "" {
			return nil, &usageError{err: fmt.Errorf("read %s: the environment variable %s is not set", s.what, *s.env)}
		}
		list = append(list, v)
	}
	if *s.stdin {
		lines, err := secretLines(in)
		if err != nil {
			return nil, fmt.Errorf("read %s from standard input: %w", s.what, err)
		}
		if len(lines) == 0 {
			return nil, fmt.Errorf("read %s from standard input: there is nothing", s.what)
		}
		list = append(list, lines...)
	}
	return list, nil
}

func errOneLine(lines []string) error {
	if len(lines) == 1 {
		return nil
	}
	return fmt.Errorf("it has %d lines and needs one", len(lines))
}

// secretLines returns the lines that are not empty. A private key in PEM is one, however many
// it has.
func secretLines(r io.Reader) ([]string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSecret))
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(string(b))
	if strings.HasPrefix(text, "-----BEGIN ") {
		return []string{text}, nil
	}
	var lines []string
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return lines, nil
}
