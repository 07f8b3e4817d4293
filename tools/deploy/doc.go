// Package deploy checks what is in deploy/ with the libraries of the programs that read it:
// Helm's and Kubernetes', Compose's and BuildKit's. None of them needs a cluster or a
// container engine, and none fetches anything. It is a module of its own, so that what it
// depends on is no part of Hufu.
package deploy
