// Lines in order of time: compared, joined without doubles, cut without losing any.
import type { Row } from '../../api/logs';

/** The order of times that are texts of digits. */
export function compareNs(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** What identifies a line that comes both from the store and over the tail. */
function identity(row: Row): string {
  return `${row.ns} ${JSON.stringify(row.set.labels)} ${row.line}`;
}

/** Lines of the tail that the list does not have already: each of the list's stands for one of them. */
export function notIn(fresh: Row[], known: Row[]): Row[] {
  const counts = new Map<string, number>();
  for (const row of known) {
    const id = identity(row);
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return fresh.filter((row) => {
    const id = identity(row);
    const count = counts.get(id) ?? 0;
    if (count > 0) counts.set(id, count - 1);
    return count === 0;
  });
}

/** The first rows, cut between two times: a cursor at the end then loses none of those that share a time. */
export function cutAt(rows: Row[], max: number): Row[] {
  const next = rows[max];
  if (!next) return rows;
  let end = max;
  while (end > 0 && rows[end - 1]?.ns === next.ns) end -= 1;
  // All of one time: cut where it must be.
  return rows.slice(0, end === 0 ? max : end);
}
