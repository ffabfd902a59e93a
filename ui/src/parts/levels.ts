// The sign and the colour of each level of lines, the same everywhere on the page.
import { type Level, levelOf } from '../api/levels';
import type { StateName } from './Glyph.svelte';

const GLYPHS: Record<Level, StateName> = {
  critical: 'critical',
  error: 'critical',
  warn: 'warning',
  info: 'info',
  debug: 'pending',
  trace: 'pending',
  unknown: 'unknown',
};

export function glyphOf(level: Level): StateName {
  return GLYPHS[level];
}

/** The custom property that holds the colour of a level. */
export function toneOf(level: string): string {
  return `--level-${levelOf(level)}`;
}
