/**
 * Calls that the gateway places for its calls: where they may go, and as whom. RFC 3515 §2.4.3.
 *
 * How one is placed is the dialer's.
 *
 * @module
 */

import type { Millis } from "../base/units.ts";
import type { Config } from "../config/schema.ts";
import type { Runtime } from "../runtime/ports.ts";
import { SipParseError } from "../sip/message/parse_error.ts";
import { parseSipUri } from "../sip/message/uri.ts";
import type { Agent } from "./agent.ts";
import { dial } from "./dialer.ts";
import type { LiveCall } from "./live_call.ts";
import { OutboundTargetError } from "./outbound_options.ts";
import type { Trunk } from "./outbound_target.ts";
import type { ReferredCall } from "./referred_call.ts";

/** What outbound calls need. */
export interface OutboundContext {
  readonly agent: Agent;
  readonly runtime: Runtime;
  /** The configuration of this moment. */
  readonly config: () => Config;
}

/** How long a referred call may ring. */
const RING_TIMEOUT: Millis = 60_000;

/** The calls that a gateway places. */
export class Outbound {
  readonly #context: OutboundContext;

  constructor(context: OutboundContext) {
    this.#context = context;
  }

  /** Places the call that the peer of a call asks for with REFER, where `sip.refer` lets it. */
  refer(live: LiveCall, referred: ReferredCall): void {
    const { agent, runtime } = this.#context;
    const { uri } = referred.refer;
    const trunk = this.#trunkOf(uri);
    if (this.#context.config().sip.refer !== "any" && trunk === undefined) {
      return referred.failed(603, "Decline");
    }
    try {
      const dialer = dial(agent, {
        runtime,
        uris: [uri],
        // We call as the one whom the caller has called
        from: trunk?.from === undefined ? `<${live.call.facts.to.uri}>` : `<${trunk.from}>`,
        headers: [...Object.entries(trunk?.headers ?? {}), ...referred.headers],
        body: referred.body,
        credentials: credentialsOf(trunk),
        ringTimeout: RING_TIMEOUT,
        redirects: "refuse",
        owner: live,
        events: {
          progress: ({ response }) => referred.progress(response.statusCode, response.reasonPhrase),
          done: (result) => {
            if (result.type === "failed") {
              return referred.failed(result.statusCode, result.reasonPhrase);
            }
            referred.accepted(result.session, result.response);
          },
        },
      });
      referred.cancel = () => dialer.cancel();
    } catch (error) {
      // What a peer writes into Refer-To may be nothing that can be called
      if (!(error instanceof OutboundTargetError || error instanceof TypeError)) throw error;
      referred.failed(488, "Not Acceptable Here");
    }
  }

  /** The trunk whose server a URI names. */
  #trunkOf(uri: string): Trunk | undefined {
    const host = hostOf(uri);
    if (host === undefined) return undefined;
    return Object.values(this.#context.config().trunks)
      .find((trunk) => trunk.uri.some((own) => hostOf(own) === host));
  }
}

function credentialsOf(
  trunk: Trunk | undefined,
): { username: string; password: string } | undefined {
  const { username, password } = trunk ?? {};
  return username === undefined || password === undefined ? undefined : { username, password };
}

function hostOf(uri: string): string | undefined {
  try {
    return parseSipUri(uri).host.toLowerCase();
  } catch (error) {
    if (error instanceof SipParseError) return undefined;
    throw error;
  }
}
