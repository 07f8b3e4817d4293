package deploy_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

type (
	configMap  = core.ConfigMap
	deployment = apps.Deployment
)

// manifests renders the chart and decodes what comes out as Kubernetes does, except that
// unknown and repeated fields are faults.
func manifests(t *testing.T, values string) []runtime.Object {
	t.Helper()
	rendered, err := render(t, values)
	if err != nil {
		t.Fatal(err)
	}
	known := runtime.NewScheme()
	if err := errors.Join(scheme.AddToScheme(known), monitoring.AddToScheme(known)); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()
	var objects []runtime.Object
	for file, text := range rendered {
		if !strings.HasSuffix(file, ".yaml") {
			continue
		}
		documents := yaml.NewDocumentDecoder(io.NopCloser(strings.NewReader(text)))
		for {
			buf := make([]byte, 1<<20)
			n, err := documents.Read(buf)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(bytes.TrimSpace(buf[:n])) == 0 {
				continue
			}
			o, _, err := decoder.Decode(buf[:n], nil, nil)
			if err != nil {
				t.Fatalf("%s: %v\n%s", file, err, buf[:n])
			}
			objects = append(objects, o)
		}
	}
	return objects
}

func kinds(objects []runtime.Object) map[string]runtime.Object {
	m := map[string]runtime.Object{}
	for _, o := range objects {
		m[o.GetObjectKind().GroupVersionKind().Kind] = o
	}
	return m
}

// only returns the one object of type T.
func only[T any](t *testing.T, objects []runtime.Object) *T {
	t.Helper()
	for _, o := range objects {
		if found, ok := o.(any).(*T); ok {
			return found
		}
	}
	t.Fatalf("there is no %v", reflect.TypeFor[T]())
	return nil
}

func TestKubernetesKnowsEveryFieldOfTheChart(t *testing.T) {
	t.Parallel()
	for name, values := range releases() {
		if len(manifests(t, values)) == 0 {
			t.Errorf("%s: nothing", name)
		}
	}
}

func TestPodsAreFoundByAllWhoLookForThem(t *testing.T) {
	t.Parallel()
	objects := manifests(t, releases()["everything on"])
	d := only[deployment](t, objects)
	pod, service := labels.Set(d.Spec.Template.Labels), only[core.Service](t, objects)
	spread := d.Spec.Template.Spec.TopologySpreadConstraints
	for who, selector := range map[string]map[string]string{
		"Deployment":          d.Spec.Selector.MatchLabels,
		"Service":             service.Spec.Selector,
		"PodDisruptionBudget": only[policy.PodDisruptionBudget](t, objects).Spec.Selector.MatchLabels,
		"NetworkPolicy":       only[networking.NetworkPolicy](t, objects).Spec.PodSelector.MatchLabels,
		"spread by node":      spread[0].LabelSelector.MatchLabels,
		"spread by zone":      spread[1].LabelSelector.MatchLabels,
	} {
		if len(selector) == 0 || !labels.SelectorFromSet(selector).Matches(pod) {
			t.Errorf("%s looks for %v, pods have %v", who, selector, pod)
		}
	}
	monitor := only[monitoring.ServiceMonitor](t, objects)
	if !labels.SelectorFromSet(monitor.Spec.Selector.MatchLabels).Matches(labels.Set(service.Labels)) {
		t.Errorf("ServiceMonitor looks for %v, the service has %v", monitor.Spec.Selector.MatchLabels, service.Labels)
	}
	if monitor.Spec.Endpoints[0].Port != service.Spec.Ports[0].Name {
		t.Errorf("ServiceMonitor asks for port %q", monitor.Spec.Endpoints[0].Port)
	}
}

// Nobody is killed who still writes out what it has, and no pod goes before another is there.
func TestAPodIsGivenTheTimeThatItsServerTakes(t *testing.T) {
	t.Parallel()
	for name, values := range releases() {
		d := only[deployment](t, manifests(t, values))
		pod := d.Spec.Template.Spec
		leave := time.Duration(0)
		if l := pod.Containers[0].Lifecycle; l != nil {
			leave = time.Duration(l.PreStop.Sleep.Seconds) * time.Second
		}
		if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; grace < leave+stop {
			t.Errorf("%s: %v to stop, of which %v go by before SIGTERM, and the server may need %v", name, grace, leave, stop)
		}
		if r := d.Spec.Strategy.RollingUpdate; r.MaxUnavailable.IntValue() != 0 || r.MaxSurge.IntValue() == 0 {
			t.Errorf("%s: an update takes pods away before others are there: %v", name, r)
		}
	}
}

func TestContainersHaveOnlyWhatTheyNeed(t *testing.T) {
	t.Parallel()
	for name, values := range releases() {
		pod := only[deployment](t, manifests(t, values)).Spec.Template.Spec
		sc := pod.SecurityContext
		if !*sc.RunAsNonRoot || *sc.RunAsUser == 0 || sc.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault || *pod.AutomountServiceAccountToken {
			t.Errorf("%s: the pod runs with %v", name, sc)
		}
		for _, c := range append(pod.InitContainers, pod.Containers...) {
			s := c.SecurityContext
			if *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || len(s.Capabilities.Drop) != 1 || s.Capabilities.Drop[0] != "ALL" {
				t.Errorf("%s: container %s runs with %v", name, c.Name, s)
			}
			if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
				t.Errorf("%s: container %s takes whatever there is", name, c.Name)
			}
		}
	}
}

// Files of a Secret belong to root and to the pod's fsGroup. The server takes them if that
// group may read them, and nobody else (internal/privatefile).
func TestTheServerCanReadTheSecretsAndNobodyElse_I6(t *testing.T) {
	t.Parallel()
	for name, values := range releases() {
		objects := manifests(t, values)
		pod := only[deployment](t, objects).Spec.Template.Spec
		if g := pod.SecurityContext.FSGroup; g == nil || *g == 0 || len(pod.InitContainers) > 0 {
			t.Errorf("%s: fsGroup %v, and %d containers before the server", name, g, len(pod.InitContainers))
		}
		files := map[string]bool{}
		for _, v := range pod.Volumes {
			if v.Name != "secrets" {
				continue
			}
			if m := v.Projected.DefaultMode; m == nil || *m != 0o440 {
				t.Errorf("%s: the files have mode %v", name, m)
			}
			for _, s := range v.Projected.Sources {
				for _, i := range s.Secret.Items {
					files["/run/hufu/"+i.Path] = i.Mode == nil
				}
			}
		}
		for _, m := range pod.Containers[0].VolumeMounts {
			if m.Name == "secrets" && (m.MountPath != "/run/hufu" || !m.ReadOnly || m.SubPath != "") {
				t.Errorf("%s: the secrets are mounted as %v", name, m)
			}
		}
		config := only[configMap](t, objects).Data["hufu.yaml"]
		for _, field := range []string{"store_file", "admin_key_file", "keyset_file"} {
			_, path, _ := strings.Cut(config, field+": ")
			path, _, _ = strings.Cut(path, "\n")
			if onVolume := strings.HasPrefix(path, "/run/hufu-keyset/"); !files[path] && !onVolume {
				t.Errorf("%s: %s is %s, and the pod has %v", name, field, path, files)
			}
		}
	}
}

func TestEveryVolumeAndPortThatIsNamedIsThere(t *testing.T) {
	t.Parallel()
	for name, values := range releases() {
		pod := only[deployment](t, manifests(t, values)).Spec.Template.Spec
		volumes, ports := map[string]bool{}, map[string]bool{}
		for _, v := range pod.Volumes {
			volumes[v.Name] = true
		}
		for _, c := range append(pod.InitContainers, pod.Containers...) {
			for _, m := range c.VolumeMounts {
				if !volumes[m.Name] {
					t.Errorf("%s: container %s mounts %s, which is not there", name, c.Name, m.Name)
				}
			}
			for _, p := range c.Ports {
				ports[p.Name] = true
			}
		}
		c := pod.Containers[0]
		for path, p := range map[string]*core.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
			if p.HTTPGet.Path != path || !ports[p.HTTPGet.Port.StrVal] {
				t.Errorf("%s: probe %v", name, p.HTTPGet)
			}
		}
		if c.StartupProbe.HTTPGet.Path != "/healthz" {
			t.Errorf("%s: a pod that has no token yet would be restarted for it", name)
		}
	}
}

// Pods read the file at their start, so that a change of it has to make new ones.
func TestAChangeOfTheConfigurationStartsNewPods(t *testing.T) {
	t.Parallel()
	of := func(values string) string {
		return only[deployment](t, manifests(t, values)).Spec.Template.Annotations["checksum/config"]
	}
	before := of("")
	if before == "" || before == of("config: {audit: {keep: 720h}}") {
		t.Errorf("checksum %q", before)
	}
	if before != of("replicaCount: 5") {
		t.Error("another number of pods makes them all anew")
	}
}
