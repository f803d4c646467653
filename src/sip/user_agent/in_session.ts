/**
 * Sends what belongs to a session. RFC 3261 §12.2.1.1, §15.1.1.
 *
 * @module
 */

import type { Millis } from "../../base/units.ts";
import type { Dialog } from "../dialog/dialog.ts";
import type { Headers } from "../message/headers.ts";
import type { Purpose } from "./client_requests.ts";
import { hopOf, type UserAgentContext } from "./context.ts";
import type { SipBody, UserAgentOutput } from "./output.ts";
import type { Session } from "./session_table.ts";

/** A request within a session. */
export interface InDialogRequest {
  readonly method: string;
  readonly headers?: Headers;
  readonly body?: SipBody;
}

/** Requests that have a Contact: those that refresh the target, or make a dialog usage. */
const WITH_CONTACT: ReadonlySet<string> = new Set(["INVITE", "UPDATE", "REFER", "NOTIFY"]);

/** Sends a request within a session in a transaction of its own. */
export function sendInSession(
  context: UserAgentContext,
  session: Session,
  { method, headers, body, purpose }: InDialogRequest & { readonly purpose: Purpose },
  now: Millis,
): UserAgentOutput[] {
  const dialog = session.dialog as Dialog;
  return context.requests.send({
    owner: { type: "in_dialog", session, purpose },
    request: dialog.createRequest(method, {
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body: body.bytes, contentType: body.contentType }),
    }),
    dialog,
    hops: [hopOf(dialog, session.flow)],
    contact: WITH_CONTACT.has(method) ? {} : undefined,
    digest: session.digest,
  }, now);
}

/** Sends the BYE of a session. §15.1.1 */
export function sendBye(
  context: UserAgentContext,
  session: Session,
  now: Millis,
): UserAgentOutput[] {
  if (session.dialog === undefined) return [];
  const headers = session.byeHeaders;
  return sendInSession(context, session, { method: "BYE", headers, purpose: "bye" }, now);
}

/** §12.2.1.2: the peer knows nothing of the dialog any more, or is gone. */
export function endsDialog(statusCode: number): boolean {
  return statusCode === 408 || statusCode === 481;
}
