package client

import (
	"context"
	"net/http"

	"github.com/hufu-io/hufu/api"
)

// Quota returns the calls of an app that passed through the server today, and the paths
// that the platform has throttled. It needs the right read or call on the app.
func (c *Client) Quota(ctx context.Context, app string) (api.Quota, error) {
	var q api.Quota
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"v1", "apps", app, "quota"}, answer: &q})
	return q, err
}
