// Series colours: the same name has the same colour on every page, in light and in dark.

const LIGHT = ['#1e57c3', '#d37e38', '#40a29c', '#a57df8', '#816309', '#830a43', '#065177', '#6d737e', '#14181c'];
const DARK = ['#80aaff', '#fcac79', '#8ffcd4', '#8b6ee0', '#a37c1e', '#d35196', '#5bd5f8', '#a3abb0', '#eef1f3'];
/** Grey, the last of the palette, is given only when the seven colours are taken: it looks like what matters least. */
const GREY = 7;
/** The ninth is the colour of text and belongs to "other" alone. */
const OTHER = 8;
/** Lines after the fourth colour are dashed as a second cue for eyes that see fewer colours. */
const DASHES: (number[] | undefined)[] = [
  undefined,
  undefined,
  undefined,
  undefined,
  [8, 3],
  [4, 3],
  [10, 3, 3, 3],
  [6, 2],
  [2, 3],
];

/** FNV-1a, 32 bits: small, and spreads short names well. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value >>> 0;
}

/**
 * A slot of the palette for each name. The hash decides; where two names of one chart want the same slot the later one
 * in alphabetical order takes the next free one, so that a set of names always gets the same colours.
 */
export function slots(names: string[]): Map<string, number> {
  const taken = new Set<number>();
  const result = new Map<string, number>();
  for (const name of [...names].sort()) {
    if (name.startsWith('other (')) {
      result.set(name, OTHER);
      continue;
    }
    let slot = hash(name) % GREY;
    for (let tries = 1; taken.has(slot) && tries < GREY; tries += 1) slot = (slot + 1) % GREY;
    if (taken.has(slot)) slot = GREY;
    taken.add(slot);
    result.set(name, slot);
  }
  return result;
}

export function colour(slot: number, dark: boolean): string {
  return (dark ? DARK : LIGHT)[slot] ?? '#6d737e';
}

export function dash(slot: number): number[] | undefined {
  return DASHES[slot];
}

/** The colour of a custom property as the canvas needs it: resolved for the theme in force. */
export function token(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  probe.hidden = true;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
