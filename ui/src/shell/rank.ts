// How well a text answers what was typed: whole words first, then parts, then letters in order.

export interface Entry {
  id: string;
  title: string;
  kind: string;
  detail?: string;
  keywords?: string;
}

const WORD_START = /[\s_\-./:(]/;

/** Zero means no match; larger is better. */
export function score(text: string, typed: string): number {
  const hay = text.toLowerCase();
  const needle = typed.trim().toLowerCase();
  if (needle === '') return 1;
  if (hay === needle) return 1000;
  const at = hay.indexOf(needle);
  // A short text that is mostly the needle answers better than a long one that only contains it.
  const share = needle.length / hay.length;
  if (at === 0) return 800 + share * 100;
  if (at > 0) return (WORD_START.test(hay[at - 1] ?? '') ? 600 : 400) + share * 100;
  const words = needle.split(/[\s_]+/).filter(Boolean);
  if (words.length > 1 && words.every((word) => hay.includes(word))) return 300 + share * 100;
  return lettersInOrder(hay, needle) ? 100 + share * 100 : 0;
}

/** Letters in order, each run of them at least two long or at the start of a word: `smub` no, `sysmem` yes. */
function lettersInOrder(hay: string, needle: string): boolean {
  let from = 0;
  let run = 0;
  for (const letter of needle) {
    const at = hay.indexOf(letter, from);
    if (at < 0) return false;
    const joined = at === from && run > 0;
    const starts = at === 0 || WORD_START.test(hay[at - 1] ?? '');
    if (!joined && !starts) {
      const later = hay.slice(from).search(new RegExp(`[\\s_\\-./:(]${letter.replace(/[^a-z0-9]/g, '\\$&')}`));
      if (later < 0) return false;
      from += later + 2;
    } else {
      from = at + 1;
    }
    run += 1;
  }
  return true;
}

/** The best entries for what was typed, best first; equal ones keep their order. */
export function rank<T extends Entry>(entries: readonly T[], typed: string, most: number): T[] {
  const scored: { entry: T; points: number; place: number }[] = [];
  entries.forEach((entry, place) => {
    const points = Math.max(score(entry.title, typed), entry.keywords ? score(entry.keywords, typed) * 0.6 : 0);
    if (points > 0) scored.push({ entry, points, place });
  });
  scored.sort((a, b) => b.points - a.points || a.place - b.place);
  return scored.slice(0, most).map((s) => s.entry);
}
