// What the page shows, as the URL has it: a link reproduces it, Back undoes each step.
import type { FieldSource } from '../../api/logs';
import { route } from '../../url/router.svelte';
import { EVERYTHING, type Parser, type Part, readQuery, withFilter, writeQuery } from './query';

export const PATH = '/explore/logs';

export type Tab = 'lines' | 'patterns';

export const view = {
  get query(): string {
    return route.param('q') || EVERYTHING;
  },
  setQuery(text: string): void {
    const q = text.trim() === EVERYTHING ? '' : text.trim();
    if (q !== route.param('q')) route.set({ q, row: '', ctx: '' }, { replace: false });
  },
  get tab(): Tab {
    return route.param('tab') === 'patterns' ? 'patterns' : 'lines';
  },
  setTab(tab: Tab): void {
    route.set({ tab: tab === 'lines' ? '' : tab }, { replace: false });
  },
  get columns(): string[] {
    return route.param('cols').split(',').filter(Boolean);
  },
  toggleColumn(name: string): void {
    const columns = view.columns;
    const next = columns.includes(name) ? columns.filter((known) => known !== name) : [...columns, name];
    route.set({ cols: next.join(',') });
  },
  get newestFirst(): boolean {
    return route.param('order') !== 'oldest';
  },
  get wraps(): boolean {
    return route.param('wrap') === '1';
  },
  /** Lines as they were sent, rather than JSON with its message first. */
  get raw(): boolean {
    return route.param('raw') === '1';
  },
  get tails(): boolean {
    return route.param('tail') === '1';
  },
  /** The address of the line that is opened. */
  get row(): string {
    return route.param('row');
  },
  get field(): string {
    return route.param('field');
  },
};

/** The parts of the query in force; null where it is more than chips can say. */
export function currentParts(): Part[] | null {
  return readQuery(view.query);
}

/** How a filter on a field of some source is said. */
export function conditionOn(source: FieldSource, name: string, value: string, keep: boolean): Part {
  const op = keep ? '=' : '!=';
  return source === 'label' ? { kind: 'label', name, op, value } : { kind: 'field', name, op, value, number: false };
}

export function parserOf(source: FieldSource): Parser | undefined {
  return source === 'json' || source === 'logfmt' ? source : undefined;
}

/** Adds a filter to the query in force, and says whether that could be done. */
export function filterBy(part: Part, parser?: Parser): boolean {
  const parts = currentParts();
  if (!parts) return false;
  view.setQuery(writeQuery(withFilter(parts, part, parser)));
  return true;
}
