// Which sign each word of the server stands for, in one place so that every page agrees.
import type { Alert, Health } from '../api/types';
import type { StateName } from './Glyph.svelte';

export function ofSeverity(severity: string): StateName {
  if (severity === 'critical' || severity === 'page') return 'critical';
  // A word of somebody's own is shown as a warning, as the server counts it: it must not be overlooked.
  return severity === 'info' || severity === 'none' ? 'info' : 'warning';
}

export function ofHealth(health: Health): StateName {
  return health === 'up' ? 'healthy' : health === 'down' ? 'critical' : 'unknown';
}

/** A firing alert shows its severity; a pending or resolved one shows that it does not (yet) burn. */
export function ofAlert(alert: Pick<Alert, 'state' | 'severity'>): StateName {
  if (alert.state === 'resolved') return 'healthy';
  return alert.state === 'pending' ? 'pending' : ofSeverity(alert.severity);
}

/** Since when an alert is in the state it is in. */
export function sinceOf(alert: Alert): number | null {
  if (alert.state === 'resolved') return alert.resolved_at_ms;
  return alert.state === 'firing' ? (alert.firing_at_ms ?? alert.active_at_ms) : alert.active_at_ms;
}

/** The order of triage: firing before pending before resolved, then the most severe, then the newest. */
export function byUrgency(a: Alert, b: Alert): number {
  const states = ['firing', 'pending', 'resolved'];
  const severities = ['critical', 'warning', 'info'];
  const place = (alert: Alert) => severities.indexOf(ofSeverity(alert.severity));
  return (
    states.indexOf(a.state) - states.indexOf(b.state) ||
    place(a) - place(b) ||
    (sinceOf(b) ?? 0) - (sinceOf(a) ?? 0) ||
    a.fingerprint.localeCompare(b.fingerprint)
  );
}
