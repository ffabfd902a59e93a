// The levels of lines: the words that name them, and their order.
export type Level = 'critical' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'unknown';

/** The most severe first; a stack is built from the bottom of this list to its top. */
export const LEVELS: Level[] = ['critical', 'error', 'warn', 'info', 'debug', 'trace', 'unknown'];

const WORDS: Record<string, Level> = {
  ...{ fatal: 'critical', critical: 'critical', crit: 'critical', emerg: 'critical', emergency: 'critical' },
  ...{ alert: 'critical', panic: 'critical', error: 'error', err: 'error', eror: 'error', e: 'error' },
  ...{ warn: 'warn', warning: 'warn', w: 'warn', info: 'info', information: 'info', notice: 'info', i: 'info' },
  ...{ debug: 'debug', dbug: 'debug', dbg: 'debug', d: 'debug', trace: 'trace', trc: 'trace', verbose: 'trace' },
};

export function levelOf(word: string | undefined): Level {
  return WORDS[(word ?? '').toLowerCase()] ?? 'unknown';
}
