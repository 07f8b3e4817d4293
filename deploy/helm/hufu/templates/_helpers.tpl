{{- define "hufu.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "hufu.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "hufu.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "hufu.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "hufu.selector" -}}
app.kubernetes.io/name: {{ include "hufu.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "hufu.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "hufu.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* hufu.yaml: what is the chart's own, and then what the values say. */}}
{{- define "hufu.config" -}}
listen: ":8080"
data_dir: /var/lib/hufu/data
store_file: /run/hufu/store-url
keyset_file: {{ include "hufu.keysetFolder" . }}/keyset.json
admin_key_file: /run/hufu/data/admin.key
{{ toYaml .Values.config }}
{{- end }}

{{- define "hufu.keysetFolder" -}}
{{- ternary "/run/hufu-keyset" "/run/hufu" (ne .Values.secrets.keyset.existingClaim "") -}}
{{- end }}
