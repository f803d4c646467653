/**
 * Calls that the gateway places: for whom, where they may go, and as whom. RFC 3515 §2.4.3.
 *
 * How one is placed is the dialer's; what it says then, its route's handler's.
 *
 * @module
 */

import { randomHex } from "../base/random.ts";
import { formatHost } from "../base/socket_address.ts";
import type { Millis } from "../base/units.ts";
import { refuseHeader } from "../config/header_name.ts";
import type { Config } from "../config/schema.ts";
import type { Runtime } from "../runtime/ports.ts";
import type { Credentials } from "../sip/auth/credentials.ts";
import { type Headers, SipHeaders } from "../sip/message/headers.ts";
import { parseNameAddr } from "../sip/message/name_addr.ts";
import { nextHopOf } from "../sip/message/next_hop.ts";
import { SipParseError } from "../sip/message/parse_error.ts";
import { reasonPhrase } from "../sip/message/reason_phrases.ts";
import { uriParts } from "../sip/message/uri.ts";
import type { SipBody } from "../sip/user_agent/output.ts";
import type { Agent } from "./agent.ts";
import { CalledAddresses } from "./called_addresses.ts";
import { makeOutgoingCall } from "./call_factory.ts";
import { dial, type Dialer, type DialEvents, type DialOptions, type DialResult } from "./dialer.ts";
import { LiveCall, type LiveCallContext } from "./live_call.ts";
import { OutboundCallError, OutboundTargetError } from "./outbound_options.ts";
import { asNameAddr, credentialsOf, parseTarget, trunkTarget } from "./outbound_target.ts";
import type { ReferredCall } from "./referred_call.ts";
import type { RouteSlots } from "./route_slots.ts";

/** Whom to call, and who talks to them. */
export interface OutgoingCallOptions {
  /** A `sip:` or `sips:` URI; with `trunk`, the number or name alone. */
  readonly to: string;
  /** Name of a trunk of the configuration. */
  readonly trunk?: string;
  /** Name of the route whose handler takes the call once it is answered. */
  readonly route: string;
  /** A URI, or the value of a From header; default: the trunk's, else `sip:voicegw@` and our address. */
  readonly from?: string;
  /** Headers of the INVITE; the X-headers among them are facts of the call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For whoever challenges us; default: the trunk's. */
  readonly credentials?: Credentials;
  /** How long it may ring; default 60 s. */
  readonly ringTimeout?: Millis;
}

/** What became of a call that was placed. */
export interface OutgoingAnswer {
  readonly answered: boolean;
  /** Final status of the INVITE: the peer's, or of our own making 408, 487 and 503. */
  readonly statusCode: number;
  readonly reasonPhrase: string;
}

/** A call that was placed. */
export interface OutgoingCall {
  /** As in the facts and the record of the call. */
  readonly id: string;
  /** Resolves when the call is answered, or is not going to be. Never rejects. */
  readonly answer: Promise<OutgoingAnswer>;
  /** Ends the call, answered or not. */
  hangup(): void;
}

/** What outbound calls need. */
export interface OutboundContext {
  readonly agent: Agent;
  readonly runtime: Runtime;
  /** The configuration of this moment. */
  readonly config: () => Config;
  readonly live: () => LiveCallContext;
  readonly slots: RouteSlots;
  /** Takes the call in; says why not, where there is no room. */
  readonly admit: (now: Millis) => string | undefined;
  readonly began: (live: LiveCall) => void;
  /** A bug of ours has cost a call that was being placed. */
  readonly crashed: (error: unknown) => void;
}

interface Placing {
  readonly options: Omit<DialOptions, "body" | "owner" | "events" | "runtime">;
  readonly done: (answer: OutgoingAnswer) => void;
  dialer: Dialer | undefined;
}

/** How long a call may ring. */
const RING_TIMEOUT: Millis = 60_000;

/** The calls that a gateway places. */
export class Outbound {
  readonly #context: OutboundContext;
  readonly #called: CalledAddresses<LiveCall>;
  readonly #placing = new Map<LiveCall, Placing>();

  constructor(context: OutboundContext) {
    this.#context = context;
    this.#called = new CalledAddresses(64 * context.config().sip.t1);
  }

  /** Whether an address may speak to us because we have called it. */
  expects(address: string): boolean {
    return this.#called.has(address, this.#context.runtime.now());
  }

  /** For as long as a call lasts, an address may speak to us. */
  expect(live: LiveCall, address: string): void {
    this.#called.add(live, address);
  }

  /** A call is over, and whom it has called needs nothing of us any more. */
  release(live: LiveCall): void {
    this.#called.release(live, this.#context.runtime.now());
    const placing = this.#placing.get(live);
    this.#placing.delete(live);
    placing?.done({ answered: false, statusCode: 487, reasonPhrase: "Cancelled" });
  }

  /**
   * Calls somebody, for a route's handler.
   *
   * @throws {OutboundCallError} There is no such trunk or route, the URI cannot be called, or there is no room.
   */
  async place(options: OutgoingCallOptions): Promise<OutgoingCall> {
    const { agent, runtime } = this.#context;
    const config = this.#context.config();
    const target = targetOf(options, config.trunks);
    const uri = target.uris[0] as string;
    const [hop] = await agent.locate(uri);
    if (hop === undefined) throw new OutboundCallError(`Cannot call "${uri}": it leads nowhere`);
    const { flow } = hop;
    const own = agent.signalling.identity(flow);
    const from = target.from ?? `<sip:voicegw@${formatHost(own.address)}>`;
    const callId = randomHex(runtime.random, 16);
    const now = runtime.now();
    const call = outgoingCall(
      {
        from,
        to: `<${uri}>`,
        requestUri: uri,
        headers: target.headers,
        callId,
        flow,
        route: options.route,
      },
      { config, runtime, slots: this.#context.slots },
      now,
    );
    const problem = this.#context.admit(now);
    if (problem !== undefined) throw new OutboundCallError(problem);
    const live = new LiveCall({
      call,
      session: `dial-${call.facts.id}`,
      rtpAddress: config.rtp.address ?? flow.local.address,
      signallingAddress: flow.remote.address,
      sourceAddress: undefined,
      explicitSessionId: undefined,
    }, this.#context.live());
    const answer = new Promise<OutgoingAnswer>((done) => {
      const { uris, headers, credentials } = target;
      const ringTimeout = options.ringTimeout ?? RING_TIMEOUT;
      this.#placing.set(live, {
        options: { uris, from, headers, callId, credentials, ringTimeout, redirects: "follow" },
        done,
        dialer: undefined,
      });
    });
    this.#context.began(live);
    live.input((machine) => machine.begin());
    return {
      id: call.facts.id,
      answer,
      hangup: () => live.input((machine, at) => machine.hangup("operator_hangup", at)),
    };
  }

  /** The ports of a call are bound: its INVITE goes out. */
  dial(live: LiveCall, body: SipBody): void {
    const placing = this.#placing.get(live);
    if (placing === undefined) return;
    const finish = (answer: OutgoingAnswer): void => {
      this.#placing.delete(live);
      placing.done(answer);
    };
    placing.dialer = this.#dial(live, { ...placing.options, body }, {
      done: (result) => {
        if (result.type === "accepted") {
          const { statusCode, reasonPhrase } = result.response;
          finish({ answered: true, statusCode, reasonPhrase });
          return live.dialed(result.session, result.answer);
        }
        const { statusCode, reasonPhrase } = result;
        finish({ answered: false, statusCode, reasonPhrase });
        const reason = `${statusCode} ${reasonPhrase}`;
        live.input((call, now) => call.dialFailed(statusCode, reason, now));
      },
    });
  }

  /** Nobody wants the call any more. */
  cancel(live: LiveCall, headers: Headers): void {
    this.#placing.get(live)?.dialer?.cancel(headers);
  }

  /** Places the call that the peer of a call asks for with REFER, where `sip.refer` lets it. */
  refer(live: LiveCall, referred: ReferredCall): void {
    const { uri } = referred.refer;
    const trunk = this.#trunkOf(uri);
    if (this.#context.config().sip.refer !== "any" && trunk === undefined) {
      return referred.failed(603, "Decline");
    }
    const { from, headers = {} } = trunk ?? {};
    try {
      const dialer = this.#dial(live, {
        uris: [uri],
        // We call as the one whom the caller has called
        from: asNameAddr(from ?? live.call.facts.to.uri),
        headers: [...Object.entries(headers), ...referred.headers],
        body: referred.body,
        credentials: trunk && credentialsOf(trunk),
        ringTimeout: RING_TIMEOUT,
        redirects: "refuse",
      }, {
        progress: ({ response }) => referred.progress(response.statusCode, response.reasonPhrase),
        done: (result) =>
          result.type === "failed"
            ? referred.failed(result.statusCode, phraseOf(result))
            : referred.accepted(result.session, result.answer, result.address),
      });
      referred.cancel = () => dialer.cancel();
    } catch (error) {
      // What a peer writes into Refer-To may be nothing that can be called
      const isTheirs = error instanceof OutboundTargetError || error instanceof SipParseError ||
        error instanceof TypeError;
      if (!isTheirs) throw error;
      referred.failed(488, "Not Acceptable Here");
    }
  }

  #dial(
    live: LiveCall,
    options: Omit<DialOptions, "owner" | "events" | "runtime">,
    events: Omit<DialEvents, "trying" | "crashed">,
  ): Dialer {
    const { agent, runtime } = this.#context;
    return dial(agent, {
      ...options,
      runtime,
      owner: live,
      events: {
        ...events,
        crashed: this.#context.crashed,
        trying: (_candidate, hops) => {
          for (const { to } of hops) this.#called.add(live, to.address);
        },
      },
    });
  }

  /** The trunk whose server a URI names. */
  #trunkOf(uri: string): Config["trunks"][string] | undefined {
    const server = serverOf(uri);
    if (server === undefined) return undefined;
    return Object.values(this.#context.config().trunks)
      .find((trunk) => trunk.uri.some((own) => serverOf(own) === server));
  }
}

/** What a peer is told of a call that it has asked for: nothing of how we are made. */
function phraseOf({ cause, statusCode, reasonPhrase: phrase }: DialResult & { type: "failed" }) {
  return cause === "internal" ? reasonPhrase(statusCode) : phrase;
}

/** What a call that is to be placed says, with what its trunk adds. */
interface Target {
  readonly uris: readonly string[];
  readonly from: string | undefined;
  readonly headers: Headers;
  readonly credentials: Credentials | undefined;
}

function targetOf(options: OutgoingCallOptions, trunks: Config["trunks"]): Target {
  const { to, trunk: name, credentials } = options;
  const from = options.from === undefined ? undefined : checkedFrom(options.from);
  const headers = checkedHeaders(options.headers ?? {});
  if (name === undefined) {
    parseTarget(to);
    return { uris: [to], from, headers, credentials };
  }
  const trunk = Object.hasOwn(trunks, name) ? trunks[name] : undefined;
  if (trunk === undefined) throw new OutboundCallError(`There is no trunk "${name}"`);
  const target = trunkTarget(trunk, to);
  return {
    uris: target.uris,
    from: from ?? target.from,
    headers: [...target.headers, ...headers],
    credentials: credentials ?? target.credentials,
  };
}

/** The tag of From is the user agent's to choose. §19.3 */
function checkedFrom(given: string): string {
  const from = asNameAddr(given);
  try {
    if (parseNameAddr(from).tag === undefined) return from;
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    throw new OutboundCallError(error.message);
  }
  throw new OutboundCallError(`Cannot call as "${given}": leave out its tag`);
}

/** What the INVITE says by itself, and what no header may hold, is refused. */
function checkedHeaders(given: Readonly<Record<string, string>>): Headers {
  const headers = Object.entries(given);
  for (const [name] of headers) {
    const problem = refuseHeader(name);
    if (problem !== undefined) throw new OutboundCallError(problem);
  }
  try {
    new SipHeaders(headers);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new OutboundCallError(error.message);
  }
  return headers;
}

function outgoingCall(...given: Parameters<typeof makeOutgoingCall>): LiveCall["call"] {
  try {
    return makeOutgoingCall(...given);
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof SipParseError)) throw error;
    throw new OutboundCallError(error.message);
  }
}

/** The host that a URI names, and the one that it leads to: `maddr` makes them differ. §19.1.1 */
function serverOf(uri: string): string | undefined {
  const hop = nextHopOf(uri);
  return hop && `${uriParts(uri).host} ${hop.host}`.toLowerCase();
}
