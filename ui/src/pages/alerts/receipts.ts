// What is said about the notifications of an alert.
import type { Receipt } from '../../api/types';

/** One line for all receipts: failures first, because somebody may not know. */
export function toldText(receipts: Receipt[]): { text: string; title: string } {
  if (receipts.length === 0) return { text: '–', title: 'No receiver is told of this alert' };
  const title = receipts.map((r) => `${r.receiver} (${r.channel}): ${r.status}`).join('\n');
  const count = (status: Receipt['status']) => receipts.filter((r) => r.status === status).length;
  const failed = count('failed');
  const pending = count('pending');
  if (failed > 0) return { text: `✕ ${failed} failed`, title };
  if (pending > 0)
    return { text: receipts.some((r) => r.attempts > 0 && r.status === 'pending') ? '… retrying' : '… sending', title };
  return { text: `✓ ${[...new Set(receipts.map((r) => r.receiver))].join(', ')}`, title };
}
