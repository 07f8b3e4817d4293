// Package platform makes calls at platforms for the issuers in the packages below
// it: one request per call, bounded in time and size, with an outcome that is
// always told apart (answered, provably never sent, or not known) and an error
// text that never contains a secret.
//
// It knows HTTP and JSON, and no platform. What an answer means is for the
// platforms' own packages to say.
package platform
