/**
 * Makes a session with nothing in use but what it begins with.
 *
 * @module
 */

import { OfferState } from "../dialog/offer_state.ts";
import type { Session } from "./session_table.ts";

/** Makes a session. */
export function newSession(
  given: Pick<Session, "id" | "role" | "flow" | "invite" | "inviteKey" | "machine" | "dialog">,
): Session {
  const { id, role, flow, invite, inviteKey, machine, dialog } = given;
  return {
    id,
    role,
    flow,
    invite,
    inviteKey,
    machine,
    dialog,
    offer: new OfferState(),
    calling: role === "server" ? undefined : {
      state: "calling",
      cancelHeaders: [],
      early: new Map(),
      unwanted: new Map(),
    },
    provisional: undefined,
    sent: new Map(),
    acks: undefined,
    reinvite: undefined,
    offered: undefined,
    referring: undefined,
    notifier: undefined,
    subscription: undefined,
    timer: undefined,
    retryAt: undefined,
    digest: undefined,
    peerTakesUpdate: false,
    byeHeaders: [],
  };
}
