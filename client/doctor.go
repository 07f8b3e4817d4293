package client

import (
	"context"
	"net/http"

	"github.com/hufu-io/hufu/api"
)

// Doctor finds out what stands between an app and its tokens: at the platform and at
// the server. That may take half a minute. What is wrong is in the findings and not in
// the error. It needs the right admin on the app.
func (c *Client) Doctor(ctx context.Context, app string) (api.Diagnosis, error) {
	var d api.Diagnosis
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"v1", "apps", app, "doctor"}, answer: &d})
	return d, err
}
