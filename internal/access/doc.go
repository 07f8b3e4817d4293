// Package access is what clients may do: every method takes the [broker.Caller], asks
// acl whether it may, acts through renew and registry, and records it in the audit.
// The HTTP packages only translate to and from it.
package access
