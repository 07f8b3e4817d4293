// Package registry holds who may ask and for what: the apps with their secrets and
// the clients with their keys. Both come from the configuration file, where they are
// read-only, and through the API, then stored with their secrets sealed.
package registry
