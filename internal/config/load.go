package config

import (
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/hufu-io/hufu/internal/broker"
)

// maxBytes is the longest configuration file that is read. It holds thousands of apps;
// more of them belong into the store, through the API.
const maxBytes = 1 << 20

// Options is what [Load] needs to know of the rest of the server.
type Options struct {
	// Platforms an app may name. Of each its name, modes and kinds are used; nothing
	// is called on its issuers. None: every app is a fault.
	Platforms []broker.Platform
	// CheckStore says what is wrong with a store's URL, quoting nothing secret of it, and
	// opens no connection. Nil: nothing is.
	CheckStore func(Store) error
	// CheckKeyset and CheckAdminKey say what is wrong with the file at a path, which need
	// not be there, and make none. Nil: nothing is.
	CheckKeyset, CheckAdminKey func(path string) error
	// CheckSinkFile says what stands in the way of a file that a sink writes, which need not
	// be there. Nil: nothing does. What is in its way now may be gone when the server runs,
	// which tries again until it is, so that the server itself does not ask.
	CheckSinkFile func(path string) error
	// Getenv reads the environment. Nil: [os.LookupEnv].
	Getenv func(name string) (value string, ok bool)
	// Reserved are names that no client of the file may have, and whose they are.
	Reserved map[string]string
	// Sandbox says that the simulated platforms run inside the process. Apps of the
	// file then have to point at a loopback address, so that no experiment reaches a
	// real platform.
	Sandbox bool
}

// Load reads and checks the configuration file at path. Where anything is wrong the
// error is a [*Faults] with all of it and the configuration is nil.
func Load(path string, opt Options) (*Config, error) {
	if opt.Getenv == nil {
		opt.Getenv = os.LookupEnv
	}
	d := &decoder{opt: opt, faults: Faults{File: path}}
	c := d.load(path)
	if len(d.faults.List) > 0 {
		return nil, d.faults.sorted()
	}
	return c, nil
}

func (d *decoder) load(path string) *Config {
	abs, err := filepath.Abs(path)
	if err != nil {
		d.faults.add(Fault{Message: "cannot find the working directory; give an absolute path"})
		d.faults.open = err
		return nil
	}
	d.file, d.dir = abs, filepath.Dir(abs)
	f, err := readFile(abs, maxBytes)
	if err != nil {
		d.faults.add(Fault{Message: "cannot be read: " + reason(err)})
		d.faults.open = err
		return nil
	}
	if f.writableByAll() {
		d.faults.add(Fault{Message: f.unsafe("everybody can change it", "chmod o-w")})
	}
	root, wrong := parse(f.data)
	if wrong != nil {
		d.faults.add(Fault{Line: wrong.line, Message: wrong.problem})
		return nil
	}
	top := value{d: d, node: root}
	d.check(top)
	c := d.config(top)
	if d.literal != nil && f.exposed {
		d.literal.fault("%s", f.unsafe("this secret is written into a file that others can open",
			"chmod 600")+", or move the secret to the environment or to a file of its own")
	}
	return c
}

// decoder turns one parsed file into a [Config], collecting faults as it goes.
type decoder struct {
	opt       Options
	file, dir string
	faults    Faults
	literal   *value // the first secret that is written out in the file
}

func (d *decoder) config(top value) *Config {
	c := Default()
	c.File = d.file
	o := top.object()
	if o == nil {
		return c
	}
	c.Listen = o.field("listen").address(c.Listen)
	public := o.field("public_url")
	c.PublicURL = public.publicURL()
	c.DataDir = o.field("data_dir").filePath(d.abs(c.DataDir))
	keyset, adminKey := o.field("keyset_file"), o.field("admin_key_file")
	c.KeysetFile = keyset.filePath(filepath.Join(c.DataDir, keysetName))
	c.AdminKeyFile = adminKey.filePath(filepath.Join(c.DataDir, adminKeyName))
	keyset.checkFile(c.KeysetFile, d.opt.CheckKeyset)
	adminKey.checkFile(c.AdminKeyFile, d.opt.CheckAdminKey)
	c.Store = o.store(c.Store)
	d.platforms(o.field("platforms"), c)
	apps := newAppList(d, c)
	apps.unreachable = !public.present()
	items, _ := o.field("apps").list()
	for _, v := range items {
		apps.add(v)
	}
	clients := newClientList(c, apps.secrets)
	items, _ = o.field("clients").list()
	for _, v := range items {
		clients.add(v)
	}
	c.Log = o.field("log").log(c.Log)
	c.Metrics = o.field("metrics").flag(c.Metrics)
	c.Limits = o.field("limits").limits(c.Limits)
	c.Audit.Keep = o.field("audit").keep(c.Audit.Keep)
	c.Users.Keep = o.field("users").keep(c.Users.Keep)
	o.done()
	return c
}

// abs gives a path of the file its meaning: relative ones start at the file's folder.
func (d *decoder) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(d.dir, path)
}

// isNull reports whether a node is there but says nothing, as a key whose lines below
// it are commented out.
func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
