// Which alerts are shown, in which order, and which rows of a long list are drawn.
import type { Alert } from '../../api/types';
import { byUrgency, ofSeverity } from '../../parts/states';

export interface Filter {
  state: string;
  severity: string;
  text: string;
}

/** Every word must occur in the name, the summary, a label or its value. */
function matchesText(alert: Alert, text: string): boolean {
  if (!text.trim()) return true;
  const labels = Object.entries(alert.labels).map(([name, value]) => `${name}=${value}`);
  const hay = [alert.name, alert.summary, alert.fingerprint, ...labels].join(' ').toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => hay.includes(word));
}

/** The word itself, or a word of the same weight: `warning` finds what counts as a warning under another name. */
export function isOfSeverity(alert: Alert, severity: string): boolean {
  return alert.severity === severity || ofSeverity(alert.severity) === severity;
}

export function shownAlerts(alerts: Alert[], filter: Filter): Alert[] {
  return alerts
    .filter((a) => !filter.state || a.state === filter.state)
    .filter((a) => !filter.severity || isOfSeverity(a, filter.severity))
    .filter((a) => matchesText(a, filter.text))
    .sort(byUrgency);
}

/** From this many rows on only those in sight are drawn. */
export const VIRTUAL_ROWS_MIN = 200;
const OVERSCAN = 12;

export interface Slice {
  first: number;
  end: number;
  before_px: number;
  after_px: number;
}

/**
 * The rows in sight of a list whose rows are `row_px` high, some of them higher by `extra` (index to pixels).
 * `top_px` is how far the list's top has been scrolled out of sight.
 */
export function visibleSlice(
  count: number,
  row_px: number,
  extra: Map<number, number>,
  top_px: number,
  view_px: number,
): Slice {
  if (count < VIRTUAL_ROWS_MIN) return { first: 0, end: count, before_px: 0, after_px: 0 };
  const opened = [...extra].filter(([index]) => index < count).sort(([a], [b]) => a - b);
  const offset = (index: number) => opened.reduce((px, [at, more]) => (at < index ? px + more : px), index * row_px);
  const indexAt = (px: number) => {
    let left = px;
    let index = 0;
    for (const [at, more] of opened) {
      const until = (at - index + 1) * row_px + more;
      if (left < until) break;
      left -= until;
      index = at + 1;
    }
    return Math.min(count, index + Math.floor(Math.max(0, left) / row_px));
  };
  const first = Math.max(0, indexAt(top_px) - OVERSCAN);
  const end = Math.min(count, indexAt(top_px + view_px) + 1 + OVERSCAN);
  return { first, end, before_px: offset(first), after_px: offset(count) - offset(end) };
}
