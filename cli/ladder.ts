/**
 * SIP messages as a ladder: which way each went, and when.
 *
 * @module
 */

import type { Millis } from "../src/base/units.ts";
import type { SipMessage } from "../src/sip/message/message.ts";
import { KEPT_FIRST, type Ladder, type TraceDirection } from "../src/gateway/trace_leg.ts";
import { traceLine } from "../src/gateway/trace_line.ts";

/** One message of a ladder. */
export interface LadderEntry {
  readonly direction: TraceDirection;
  /** Since the first message. */
  readonly afterMs: Millis;
  readonly text: string;
}

/** One message, as a line. */
export function ladderLine({ direction, afterMs, text }: LadderEntry, peer = ""): string {
  const time = `${Math.round(afterMs)} ms`.padStart(9);
  const arrow = direction === "sent" ? "──▶" : "◀──";
  return `${time}  ${arrow}  ${peer}${text}\n`;
}

/** Makes the entries of a ladder out of messages and any clock. */
export function ladderOf(
  take: (entry: LadderEntry) => void,
): (direction: TraceDirection, message: SipMessage, at: Millis) => void {
  let first: Millis | undefined;
  return (direction, message, at) => {
    first ??= at;
    take({ direction, afterMs: at - first, text: traceLine(message) });
  };
}

/** The ladder of a call that we served, for a person: a heading, then a line for each message. */
export function formatLadder(ladder: Ladder, startedAt: Date): string {
  const { steps, leftOut } = ladder;
  const peers = [...new Set(steps.map(({ peer }) => peer))];
  const width = Math.max(...peers.map((peer) => peer.length));
  // Several far ends stand in a column of their own
  const lines = steps.map((step) =>
    ladderLine(step, peers.length > 1 ? `${step.peer.padEnd(width)}  ` : "")
  );
  if (leftOut > 0) lines.splice(KEPT_FIRST, 0, `        …  ${leftOut} messages left out\n`);
  const time = startedAt.toISOString().slice(11, 23);
  const heading = `  ${time}  ${printable(ladder.from)} → ${printable(ladder.to)}` +
    ` · ${peers.length > 1 ? `${peers.length} peers` : peers[0]} · ${printable(ladder.end)}\n` +
    `  Call-ID: ${printable(ladder.callId)}\n`;
  return heading + lines.map((line) => `  ${line}`).join("");
}

/** The same as an object. */
export function ladderFields(ladder: Ladder, startedAt: Date): Readonly<Record<string, unknown>> {
  const { callId, call, from, to, end, leftOut, steps } = ladder;
  return {
    call_id: callId,
    ...(call === undefined ? {} : { call }),
    from,
    to,
    started_at: startedAt.getTime(),
    end,
    ...(leftOut === 0 ? {} : { left_out: leftOut }),
    ladder: steps.map(({ afterMs, direction, peer, text }) => ({
      ms: Math.round(afterMs),
      direction,
      peer,
      message: text,
    })),
  };
}

/** What the peer wrote moves no cursor. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "�");
}
