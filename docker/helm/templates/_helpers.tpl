{{- define "katydid.name" -}}
{{- if contains "katydid" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-katydid" (.Release.Name | trunc 32 | trimSuffix "-") }}{{ end }}
{{- end }}

{{- define "katydid.select" -}}
app.kubernetes.io/name: katydid
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "katydid.labels" -}}
{{ include "katydid.select" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{- define "katydid.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "katydid.file" -}}
{{ if hasPrefix "/" .Values.locustfile }}{{ .Values.locustfile }}{{ else }}{{ printf "%s/%s" (ternary "/etc/katydid/files" "/mnt/locust" (not (empty .Values.files))) .Values.locustfile }}{{ end }}
{{- end }}

{{- define "katydid.pod" -}}
serviceAccountName: {{ include "katydid.name" . }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: 90
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- end }}

{{- define "katydid.container" -}}
{{ include "katydid.image" . }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- with .Values.envFrom }}
envFrom: {{ toJson . }}
{{- end }}
{{- end }}

{{- /* What the container mounts, and the volumes: (list . "master") or (list . "worker"). Each has its own half of the keys. */}}
{{- define "katydid.mounts" -}}
{{- $root := index . 0 -}}
- { name: tmp, mountPath: /tmp }
{{- if $root.Values.files }}
- { name: files, mountPath: /etc/katydid/files, readOnly: true }
{{- end }}
{{- if $root.Values.keys.secret }}
- { name: keys, mountPath: /etc/katydid/keys, readOnly: true }
{{- end }}
{{- end }}

{{- define "katydid.volumes" -}}
{{- $root := index . 0 -}}
{{- $key := index . 1 -}}
- { name: tmp, emptyDir: {} }
{{- if $root.Values.files }}
- { name: files, configMap: { name: {{ include "katydid.name" $root }}-files } }
{{- end }}
{{- if $root.Values.keys.secret }}
- name: keys
  secret:
    secretName: {{ $root.Values.keys.secret }}
    defaultMode: 0440
    items: [{ key: {{ $key }}, path: {{ $key }} }]
{{- end }}
{{- end }}

{{- define "katydid.master" -}}
metadata:
  labels:
    {{- include "katydid.labels" . | nindent 4 }}
    app.kubernetes.io/component: master
  annotations:
    prometheus.io/scrape: "true"
    prometheus.io/port: "9646"
    checksum/files: {{ toJson .Values.files | sha256sum }}
spec:
  {{- include "katydid.pod" . | nindent 2 }}
  {{- if eq .Values.mode "job" }}
  restartPolicy: Never
  {{- end }}
  containers:
    - name: katydid
      {{- include "katydid.container" . | nindent 6 }}
      workingDir: /results
      args:
        - --master
        - --locustfile={{ include "katydid.file" . }}
        - --host={{ required "host, where the load goes, is missing: --set host=https://shop.test" .Values.host }}
        - --out=prometheus=0.0.0.0:9646
        {{- if eq .Values.mode "job" }}
        - --headless
        - --users={{ .Values.users }}
        - --spawn-rate={{ .Values.spawnRate }}
        - --run-time={{ .Values.runTime }}
        - --expect-workers={{ .Values.workers.replicas }}
        - --expect-workers-max-wait={{ .Values.master.waitForWorkers }}
        - --html=report.html
        - --summary=summary.json
        {{- end }}
        {{- range .Values.args }}
        - {{ . | quote }}
        {{- end }}
      env:
        - { name: HOME, value: /tmp }
        - { name: KATYDID_HISTORY, value: /results/history }
        - { name: KATYDID_WEB_ALLOWED_HOSTS, value: {{ include "katydid.name" . }}-master }
        {{- if .Values.keys.secret }}
        - { name: KATYDID_KEYS, value: /etc/katydid/keys/katydid.keys }
        {{- else }}
        - { name: KATYDID_INSECURE, value: "1" }
        {{- end }}
        {{- if .Values.tokens.secret }}
        - { name: KATYDID_WEB_TOKEN, value: "@/etc/katydid/tokens/katydid.tokens" }
        {{- end }}
        {{- with .Values.auditLog }}
        - { name: KATYDID_AUDIT_LOG, value: {{ . | quote }} }
        {{- end }}
        {{- with .Values.env }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - { name: workers, containerPort: 5557 }
        - { name: metrics, containerPort: 9646 }
        {{- if ne .Values.mode "job" }}
        - { name: page, containerPort: 8089 }
      readinessProbe:
        exec: { command: [bash, /usr/local/lib/katydid/health.sh, page] }
        timeoutSeconds: 6
        {{- end }}
      resources: {{ toJson .Values.master.resources }}
      volumeMounts:
        {{- include "katydid.mounts" (list .) | nindent 8 }}
        - { name: results, mountPath: /results }
        {{- if .Values.tokens.secret }}
        - { name: tokens, mountPath: /etc/katydid/tokens, readOnly: true }
        {{- end }}
  volumes:
    {{- include "katydid.volumes" (list . "katydid.keys") | nindent 4 }}
    {{- with .Values.tokens.secret }}
    - name: tokens
      secret: { secretName: {{ . }}, defaultMode: 0440, items: [{ key: katydid.tokens, path: katydid.tokens }] }
    {{- end }}
    {{- if .Values.master.results.claim }}
    - { name: results, persistentVolumeClaim: { claimName: {{ .Values.master.results.claim }} } }
    {{- else }}
    - { name: results, emptyDir: {} }
    {{- end }}
{{- end }}
