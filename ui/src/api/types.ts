// The shapes of the UI's API, as docs/api/ui.md gives them. Times are milliseconds since the Unix epoch.

export type Labels = Record<string, string>;

export interface Bootstrap {
  version: string;
  host_name: string;
  data_dir: string;
  started_at_ms: number;
  now_ms: number;
  timezone: string;
  has_config_file: boolean;
}

export interface SeriesRequest {
  from_ms: number;
  to_ms: number;
  max_points: number;
  step_ms?: number;
  queries: { id: string; expr: string }[];
}

export interface SeriesColumn {
  labels: Labels;
  values: (number | null)[];
}

export interface SeriesResult {
  id: string;
  error: string | null;
  warnings: string[];
  series: SeriesColumn[];
}

export interface SeriesResponse {
  t0_ms: number;
  step_ms: number;
  count: number;
  server_ms: number;
  partial: boolean;
  reason: string | null;
  results: SeriesResult[];
}

export interface HostSummary {
  name: string;
  os: string | null;
  kernel: string | null;
  cpu_count: number | null;
  memory_bytes: number | null;
  uptime_seconds: number | null;
  cpu_ratio: number | null;
  memory_ratio: number | null;
  disk_ratio_max: number | null;
  disk_mountpoint_max: string | null;
  network_receive_bytes_per_second: number | null;
  network_transmit_bytes_per_second: number | null;
}

export type Health = 'up' | 'down' | 'unknown';

export interface Target {
  job: string;
  instance: string;
  url: string;
  health: Health;
  last_scrape_ms: number | null;
  last_duration_seconds: number | null;
  last_error: string | null;
  series_refused: { count: number; metric: string; limit: number } | null;
  interval_ms: number;
  labels: Labels;
}

export interface ConfigState {
  path: string | null;
  loaded_at_ms: number | null;
  ok: boolean;
  error: string | null;
  warnings: string[];
}

export interface AlertCounts {
  critical: number;
  warning: number;
  info: number;
  pending: number;
}

export interface TargetCounts {
  up: number;
  down: number;
  unknown: number;
}

export interface Receipt {
  receiver: string;
  channel: string;
  status: 'pending' | 'sent' | 'failed';
  attempts: number;
  sent_at_ms: number | null;
  error: string | null;
  next_attempt_ms: number | null;
}

export type AlertState = 'pending' | 'firing' | 'resolved';

export interface Alert {
  fingerprint: string;
  name: string;
  state: AlertState;
  severity: string;
  summary: string;
  description: string;
  labels: Labels;
  annotations: Labels;
  value: number | null;
  active_at_ms: number | null;
  firing_at_ms: number | null;
  resolved_at_ms: number | null;
  group: string;
  expr: string;
  for_ms: number;
  notifications: Receipt[];
}

export interface AlertChange {
  at_ms: number;
  fingerprint: string;
  name: string;
  severity: string;
  from: string;
  to: string;
  value: number | null;
  labels: Labels;
}

export interface Overview {
  now_ms: number;
  host: HostSummary;
  targets: TargetCounts & { rows: Target[] };
  alerts: AlertCounts & { rows: Alert[] };
  ingest: { series: number | null; samples_per_second: number | null; lag_seconds: number | null };
  store: { fault: string | null; damage: string[] };
  config: ConfigState;
}

export interface AlertList {
  now_ms: number;
  rows: Alert[];
  recent: AlertChange[];
}

export interface ProcessRow {
  pid: number;
  name: string;
  command: string;
  user: string | null;
  cpu_ratio: number | null;
  memory_bytes: number | null;
  threads: number | null;
  started_at_ms: number | null;
}

export interface ProcessList {
  observed_at_ms: number | null;
  rows: ProcessRow[];
}

export interface MetricInfo {
  name: string;
  kind: string;
  help: string;
  unit: string;
}

export interface Catalog {
  metrics: MetricInfo[];
  hosts: string[];
  targets: { job: string; instance: string }[];
  alerts: string[];
}
