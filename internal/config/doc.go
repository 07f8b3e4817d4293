// Package config reads the server's configuration file and reports everything that
// is wrong with it at once, each fault with its line.
//
// Rules that hold for the whole file:
//
//   - It is one YAML document of at most 1 MiB. Unknown fields, duplicate keys,
//     anchors, aliases, merge keys and tags are faults. An empty file is the defaults.
//   - ${NAME} in a value reads the environment, $$ is a dollar sign, and any other
//     dollar sign is a fault. What comes from the environment is not expanded again.
//   - A field that is there has a value: an empty one is a fault, so that a variable
//     that is set to nothing does not quietly mean a default.
//   - Durations have a unit (90s, 10m, 1h30m).
//   - Relative paths start at the folder of the configuration file, wherever the server
//     is started from. They leave this package absolute.
//   - Every secret may stand in a file of its own instead: secret_file for secret,
//     key_file for key. The file is a regular one that only its owner can open; one
//     newline at its end is not part of the secret.
//   - A configuration file with a secret written into it may be opened by its owner
//     only, and no configuration file may be written by everybody: who can change
//     base_url can collect the secrets.
//
// No fault contains what a secret's field holds. A message never quotes what came out
// of the environment or out of another file, nor any text of 32 characters or more, the
// length from which it might be a secret that stands in the wrong place; of paths, any
// name that long.
//
// The package knows no platform. What it checks of an app's platform comes from the
// table in [Options], and from those that the file describes. It opens no socket and
// resolves no name.
package config
