// Command hufu runs the Hufu server, the simulated platforms, and the commands with
// which operators manage a server.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// The exit codes. They are part of the public contract.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2 // of a wrong command line or a faulty configuration
)

func main() {
	left := &leftovers{}
	ctx, stop := untilSignal(context.Background(), left)
	defer stop()
	os.Exit(run(ctx, left, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) //nolint:gocritic // Nothing is left to stop when the process ends.
}

// untilSignal returns a context that ends with the first signal to stop. The second
// one ends the process, whatever it is doing: whoever sends it does not want to wait.
// Nor may there be anybody: make and its child both get the signal that ends their
// group, and then make sends it to the child again.
func untilSignal(ctx context.Context, left *leftovers) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup means it.
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		<-signals
		cancel()
		// Restoring the default action would not do: as process 1 of a container a
		// program ignores a signal that it does not handle.
		<-signals
		_ = left.remove() // There is nobody to tell.
		os.Exit(exitFailure)
	}()
	return ctx, cancel
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, left *leftovers, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot(left) //nolint:contextcheck // Commands get the context from ExecuteContext.
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := explained(root.ExecuteContext(ctx))
	if err == nil {
		return exitOK
	}
	var usage *usageError
	switch {
	case errors.As(err, &usage) && usage.plain:
		_, _ = fmt.Fprintln(stderr, usage)
	case err.Error() != "":
		_, _ = fmt.Fprintf(stderr, "hufu: %v\n", err)
	}
	if usage != nil {
		return exitUsage
	}
	return exitFailure
}

// usageError is a fault of the command line or of the configuration.
type usageError struct {
	err   error
	plain bool // shown as it is, without the program's name before it
}

// errHelped is the fault of a command line whose help says everything already.
var errHelped = errors.New("")

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func newRoot(left *leftovers) *cobra.Command {
	root := group("hufu", "Central access-token server for open platforms",
		newServe(left), newSandbox(), newCheckConfig(),
		newApp(), newImport(), newClient(), newToken(), newUser(), newDoctor(), newQuota(), newAudit(), newKeys(), newStore(), newHealth(),
		newVersion(),
	)
	root.Long = "Hufu keeps the access tokens of open-platform apps in one place: it issues and renews\n" +
		"them, and hands them to business servers, which never see an app secret.\n\n" +
		"The commands app, import, client, token, user, doctor, quota, audit and keys rotate talk\n" +
		"to a running server. HUFU_ADDR says where it is (default " + defaultAddr + "), HUFU_KEY\n" +
		"with which client key they ask (default: the admin key in " + adminKeyPath + ", where that\n" +
		"can be read and the server is on this machine). health asks one without a key; store\n" +
		"copy and keys new work without a server."
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(usageOf)
	return root
}

// group makes a command that only holds others.
func group(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				cmd.SetOut(cmd.ErrOrStderr())
				if err := cmd.Help(); err != nil {
					return err
				}
				return &usageError{err: errHelped}
			}
			err := fmt.Errorf("unknown command %q", args[0])
			if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
				err = fmt.Errorf("%w, did you mean %q?", err, s[0])
			}
			return usageOf(cmd, err)
		},
	}
	cmd.AddCommand(subs...)
	return cmd
}

// usageOf makes a usage error that says where to read on.
func usageOf(cmd *cobra.Command, err error) error {
	return &usageError{err: fmt.Errorf("%w (see %s --help)", err, cmd.CommandPath())}
}

// args checks the number of arguments; a wrong one is a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageOf(cmd, err)
		}
		return nil
	}
}
