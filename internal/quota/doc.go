// Package quota counts the calls that pass to the platforms, for each app and path of
// its platform, and remembers which paths a platform has throttled: while it would
// refuse a call anyway, the call is answered with the platform's own error and the
// platform is left alone.
//
// What is counted is what this process has passed on since it started. The platform
// counts more: the calls of other replicas, and of whoever else uses the same app.
package quota
