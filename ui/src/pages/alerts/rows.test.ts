import { describe, expect, it } from 'vitest';
import type { Alert, AlertState } from '../../api/types';
import { toldText } from './receipts';
import { shownAlerts, VIRTUAL_ROWS_MIN, visibleSlice } from './rows';

function alert(name: string, state: AlertState, severity: string, since_ms: number): Alert {
  return {
    fingerprint: name,
    name,
    state,
    severity,
    summary: '',
    description: '',
    labels: { instance: 'web-7' },
    annotations: {},
    value: 1,
    active_at_ms: since_ms,
    firing_at_ms: state === 'firing' ? since_ms : null,
    resolved_at_ms: state === 'resolved' ? since_ms : null,
    group: 'g',
    expr: 'x',
    for_ms: 0,
    notifications: [],
  };
}

const ALERTS = [
  alert('resolved', 'resolved', 'critical', 9),
  alert('pending', 'pending', 'critical', 9),
  alert('mild', 'firing', 'warning', 9),
  alert('old', 'firing', 'critical', 1),
  alert('new', 'firing', 'critical', 2),
];

describe('the list of alerts', () => {
  const names = (filter: Partial<{ state: string; severity: string; text: string }>) =>
    shownAlerts(ALERTS, { state: '', severity: '', text: '', ...filter }).map((a) => a.name);

  it('puts the most urgent first', () => {
    expect(names({})).toEqual(['new', 'old', 'mild', 'pending', 'resolved']);
  });

  it('is filtered by state, severity and every word', () => {
    expect(names({ state: 'firing', severity: 'warning' })).toEqual(['mild']);
    expect(names({ text: 'instance=web OLD' })).toEqual(['old']);
    expect(
      shownAlerts([alert('own', 'firing', 'ticket', 1)], { state: '', severity: 'warning', text: '' }),
    ).toHaveLength(1);
    expect(names({ text: 'nothing' })).toEqual([]);
  });
});

describe('virtual rows', () => {
  it('draw all of a short list', () => {
    expect(visibleSlice(VIRTUAL_ROWS_MIN - 1, 37, new Map(), 5000, 800)).toEqual({
      first: 0,
      end: 199,
      before_px: 0,
      after_px: 0,
    });
  });

  it('keep the height of the whole list', () => {
    for (const top of [0, 100, 50_000, 369_000, 1e9]) {
      const extra = new Map([
        [3, 220],
        [5000, 180],
      ]);
      const slice = visibleSlice(10_000, 37, extra, top, 800);
      const inside = [...extra]
        .filter(([i]) => i >= slice.first && i < slice.end)
        .reduce((px, [, more]) => px + more, 0);
      expect(slice.before_px + slice.after_px + (slice.end - slice.first) * 37 + inside).toBe(10_000 * 37 + 400);
      expect(slice.end - slice.first).toBeLessThan(60);
    }
  });

  it('cover what is in sight, behind an opened row too', () => {
    const slice = visibleSlice(1000, 40, new Map([[0, 400]]), 4400, 800);
    expect(slice.before_px).toBeLessThanOrEqual(4400);
    expect(slice.first).toBe(100 - 12);
    expect(slice.end).toBeGreaterThanOrEqual(120);
  });
});

describe('what is told of notifications', () => {
  const receipt = {
    receiver: 'ops',
    channel: 'webhook',
    attempts: 1,
    sent_at_ms: 1,
    error: null,
    next_attempt_ms: null,
  };
  it('puts failures first', () => {
    expect(
      toldText([
        { ...receipt, status: 'sent' },
        { ...receipt, status: 'failed' },
      ]).text,
    ).toBe('✕ 1 failed');
    expect(toldText([{ ...receipt, status: 'pending', attempts: 3 }]).text).toBe('… retrying');
    expect(toldText([{ ...receipt, status: 'pending', attempts: 0 }]).text).toBe('… sending');
    expect(toldText([{ ...receipt, status: 'sent' }]).text).toBe('✓ ops');
    expect(toldText([]).text).toBe('–');
  });
});
