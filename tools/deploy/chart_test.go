package deploy_test

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

func chartDir(t *testing.T) string {
	t.Helper()
	return filepath.Join(root(t), "deploy/helm/hufu")
}

// kubernetes is the oldest version that the chart is for.
func kubernetes(t *testing.T) *common.KubeVersion {
	t.Helper()
	v, err := common.ParseKubeVersion("v1.30.0")
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// releases are values that people may give, by what they are about.
func releases() map[string]string {
	return map[string]string{
		"the defaults": "",
		"one replica":  "replicaCount: 1",
		"everything on": `
image: {repository: registry.example.internal/hufu, tag: v1.2.3}
imagePullSecrets: [{name: registry}]
config:
  apps:
    - {id: shop, platform: wechat, app_id: wx0123456789abcdef, secret: "${SHOP_SECRET}"}
  clients:
    - {name: orders, key: "${ORDERS_KEY}", apps: [shop]}
  audit: {keep: 720h}
secrets:
  env: [hufu-apps, hufu-clients]
service: {type: LoadBalancer, port: 80, annotations: {example.internal/lb: internal}}
ingress:
  enabled: true
  className: nginx
  annotations: {example.internal/timeout: "130"}
  hosts: [{host: hufu.example.internal, paths: [/v1, /gateway, /cgi-bin]}]
  tls: [{secretName: hufu-tls, hosts: [hufu.example.internal]}]
serviceMonitor: {enabled: true, labels: {release: prometheus}}
networkPolicy:
  enabled: true
  from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}]
  egress: [{to: [{ipBlock: {cidr: 10.0.0.10/32}}], ports: [{port: 5432}]}]
podDisruptionBudget: {maxUnavailable: 50%}
serviceAccountName: hufu
priorityClassName: important
podAnnotations: {example.internal/team: platform}
podLabels: {team: platform}
nodeSelector: {kubernetes.io/arch: arm64}
tolerations: [{key: dedicated, operator: Exists}]
affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}}
extraEnv: [{name: HTTPS_PROXY, value: "http://proxy.internal:3128"}]
extraVolumes: [{name: sinks, emptyDir: {}}]
extraVolumeMounts: [{name: sinks, mountPath: /run/sinks}]
fullnameOverride: tokens`,
		"a shared keyset":    "secrets: {keyset: {existingClaim: hufu-keyset}}",
		"nobody is let in":   "networkPolicy: {enabled: true}",
		"no time to be left": "shutdown: {preStopSeconds: 0, terminationGracePeriodSeconds: 40}",
		"nothing to spread":  "topologySpreadConstraints: []",
	}
}

// render renders the chart with values as YAML, after Helm's own check of the schema.
func render(t *testing.T, values string) (map[string]string, error) {
	t.Helper()
	chart, err := loader.Load(chartDir(t))
	if err != nil {
		t.Fatal(err)
	}
	var given map[string]any
	if err := yaml.Unmarshal([]byte(values), &given); err != nil {
		t.Fatal(err)
	}
	caps := common.DefaultCapabilities.Copy()
	caps.KubeVersion = *kubernetes(t)
	all, err := util.ToRenderValues(chart, given, common.ReleaseOptions{Name: "hufu", Namespace: "tokens", Revision: 1, IsInstall: true}, caps)
	if err != nil {
		return nil, err
	}
	return engine.Engine{Strict: true}.RenderWithContext(t.Context(), chart, all)
}

func TestHelmHasNothingToSayAboutTheChart(t *testing.T) {
	t.Parallel()
	for name, values := range releases() {
		var given map[string]any
		if err := yaml.Unmarshal([]byte(values), &given); err != nil {
			t.Fatal(err)
		}
		for _, m := range lint.RunAll(chartDir(t), given, "tokens", lint.WithKubeVersion(kubernetes(t))).Messages {
			if m.Severity > support.InfoSev {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
}

func TestValuesThatCannotBeMeantAreRefused(t *testing.T) {
	t.Parallel()
	for values, want := range map[string]string{
		"replicas: 3":                      "replicas",
		"replicaCount: 0":                  "replicaCount",
		"image: {tag: latest}":             "tag",
		"config: {store: embedded}":        "store",
		"config: {listen: 127.0.0.1:8080}": "listen",
		"config: {apps: [{id: shop, secret: 0123456789abcdef}]}":           "secret",
		"config: {clients: [{name: orders, key: 0123456789abcdef}]}":       "key",
		"secrets: {store: {existingSecret: ''}}":                           "existingSecret",
		"secrets: {keyset: {existingSecret: '', existingClaim: ''}}":       "keyset",
		"probes: {readiness: {httpGet: {path: /healthz}}}":                 "httpGet",
		"shutdown: {preStopSeconds: 30}":                                   "preStopSeconds + 40",
		"ingress: {enabled: true, hosts: [{host: a.example, paths: [v]}]}": "paths",
	} {
		if _, err := render(t, values); err == nil {
			t.Errorf("%s is taken", values)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is refused for something else: %v", values, err)
		}
	}
}

// A release as it is kept in the cluster has no secret in it (I6), because the chart makes
// no Secret.
func TestTheChartMakesWhatItSays(t *testing.T) {
	t.Parallel()
	always := []string{"ConfigMap", "Deployment", "Service"}
	for name, more := range map[string][]string{
		"the defaults":     {"PodDisruptionBudget"},
		"one replica":      {},
		"everything on":    {"Ingress", "NetworkPolicy", "PodDisruptionBudget", "ServiceMonitor"},
		"nobody is let in": {"NetworkPolicy", "PodDisruptionBudget"},
	} {
		want := slices.Sorted(slices.Values(append(more, always...)))
		if got := slices.Sorted(maps.Keys(kinds(manifests(t, releases()[name])))); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestTheServerTakesTheConfigurationOfTheChart(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"the defaults", "everything on"} {
		checkConfig(t, only[configMap](t, manifests(t, releases()[name])).Data["hufu.yaml"],
			"SHOP_SECRET=0123456789abcdef0123456789abcdef", "ORDERS_KEY="+strings.Repeat("fedcba9876543210", 4))
	}
}
