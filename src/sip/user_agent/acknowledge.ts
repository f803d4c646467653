/**
 * The ACK of a 2xx, which no transaction repeats. RFC 3261 §13.2.2.4, §22.1.
 *
 * @module
 */

import type { Dialog } from "../dialog/dialog.ts";
import type { Headers } from "../message/headers.ts";
import type { SipRequest } from "../message/message.ts";
import type { Hop } from "../transport/flow.ts";
import { addVia, hopOf, sendOnce, type UserAgentContext } from "./context.ts";
import type { UserAgentOutput } from "./output.ts";
import type { SentMessage, Session } from "./session_table.ts";

/** A 2xx may still come again after the next re-INVITE is through; so many ACKs are remembered. */
const ACKS_MAX = 8;

/**
 * The ACK of a 2xx, remembered for when the 2xx comes again. §13.2.2.4
 *
 * @param invite The INVITE or re-INVITE that was accepted, as it went out.
 */
export function acknowledge(
  context: UserAgentContext,
  session: Session,
  invite: SipRequest,
): UserAgentOutput {
  const dialog = session.dialog as Dialog;
  const hop = hopOf(dialog, session.flow);
  const output = sendOnce(hop, ackRequest(context, { invite, dialog, hop }));
  const { flow, to, bytes, message } = output;
  const sent: SentMessage = { flow, to, bytes, message };
  session.acks ??= new Map();
  session.acks.set(invite.headers.cseq.sequence, sent);
  const [oldest] = session.acks.keys();
  if (session.acks.size > ACKS_MAX) session.acks.delete(oldest as number);
  return output;
}

/** Builds the ACK of a 2xx, with our Via. */
export function ackRequest(
  context: UserAgentContext,
  { invite, dialog, hop }: { invite: SipRequest; dialog: Dialog; hop: Hop },
): SipRequest {
  const { sequence } = invite.headers.cseq;
  const ack = dialog.createRequest("ACK", { sequence, headers: credentialsOf(invite) });
  addVia(context, ack, hop.flow);
  return ack;
}

/** §22.1: the ACK has the credentials of the INVITE. */
function credentialsOf({ headers }: SipRequest): Headers {
  return ["Authorization", "Proxy-Authorization"].flatMap((name) =>
    headers.getAll(name).map((value) => [name, value] as const)
  );
}
