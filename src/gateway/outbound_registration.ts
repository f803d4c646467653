/**
 * One registration in the world: sends the REGISTERs that its machine asks for, each to the target that it names, and
 * keeps the way open that calls come back on. RFC 3261 §10.2, RFC 5626 §4.4.
 *
 * @module
 */

import { randomHex } from "../base/random.ts";
import type { Millis } from "../base/units.ts";
import type { Registration as RegistrationEntry } from "../config/schema_peers.ts";
import type { Runtime, Timer } from "../runtime/ports.ts";
import type { Credentials } from "../sip/auth/credentials.ts";
import { parseSipUri, serializeSipUri } from "../sip/message/uri.ts";
import type { Flow, Hop } from "../sip/transport/flow.ts";
import { contactFor } from "../sip/user_agent/context.ts";
import {
  Registration,
  type RegistrationOutput,
  type RegistrationState,
} from "../sip/user_agent/registration.ts";
import { ALLOW } from "../sip/user_agent/uas_core.ts";
import type { Agent, RequestResult } from "./agent.ts";
import type { GatewayObserver } from "./observer.ts";
import { asRoute, credentialsOf } from "./outbound_target.ts";

/** How a registration stands. */
export interface RegistrationStatus {
  readonly name: string;
  readonly aor: string;
  readonly registrar: string;
  readonly state: RegistrationState;
  /** Whether calls for the address come to us, as far as we know. */
  readonly registered: boolean;
  /** Until the binding ends by itself; absent when there is none. */
  readonly expires_in_ms?: number;
  /** Until the next REGISTER goes out; absent while one is on its way. */
  readonly next_in_ms?: number;
  /** Why there is no binding; empty when there is one. */
  readonly reason: string;
}

/** What registrations work with. */
export interface RegistrationContext {
  readonly agent: Agent;
  readonly runtime: Runtime;
  readonly observer: Pick<GatewayObserver, "log">;
}

/** Who hears of one registration. */
export interface RegistrationEvents {
  /** `address` may have changed. */
  moved(): void;
  /** Once, when `stop` has done its work. */
  stopped(): void;
}

/** Random bytes of a Contact's user. */
const TOKEN_BYTES = 8;

/** One registration. */
export class OutboundRegistration {
  readonly entry: RegistrationEntry;
  /** User of our Contact: the Request-URI of calls that come through this registration has it. */
  readonly contactUser: string;
  readonly #context: RegistrationContext;
  readonly #machine: Registration;
  readonly #events: RegistrationEvents;
  readonly #requestUri: string;
  readonly #credentials: Credentials | undefined;
  #timer: Timer | undefined;
  #hops: readonly Hop[] = [];
  #hopIndex = 0;
  /** The way that the binding names. */
  #kept: Hop | undefined;
  #until: Millis | undefined;
  #reason = "not registered yet";
  /** What was logged last. */
  #told = "";
  #isAsking = false;
  #isClosed = false;

  constructor(entry: RegistrationEntry, context: RegistrationContext, events: RegistrationEvents) {
    this.entry = entry;
    this.#context = context;
    this.#events = events;
    const { random } = context.runtime;
    this.contactUser = entry.contact_user ?? randomHex(random, TOKEN_BYTES);
    this.#machine = new Registration({ expires: entry.expires, random });
    // §10.2: the Request-URI has no user
    this.#requestUri = serializeSipUri({
      ...parseSipUri(entry.registrar),
      user: undefined,
      password: undefined,
    });
    this.#credentials = credentialsOf(entry);
  }

  get state(): RegistrationState {
    return this.#machine.state;
  }

  /** Whether a REGISTER waits for its answer. */
  get isAsking(): boolean {
    return this.#isAsking;
  }

  /** The address whose answers, and calls, belong to this registration. */
  get address(): string | undefined {
    if (this.#isAsking) return this.#hops[this.#hopIndex]?.to.address;
    return this.#kept?.to.address;
  }

  start(): void {
    const now = this.#context.runtime.now();
    this.#perform(this.#machine.start(now), now);
  }

  /** Takes the binding back, if there is one; `stopped` follows. */
  stop(): void {
    const now = this.#context.runtime.now();
    this.#perform(this.#machine.stop(now), now);
  }

  /** What was sent over a flow may be lost. */
  flowFailed(flow: Flow, now: Millis): void {
    const kept = this.#kept;
    if (kept === undefined || !isSameWay(kept, flow)) return;
    this.#perform(this.#machine.flowFailed(now), now);
  }

  /** Does nothing any more, whatever comes. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#keep(undefined);
  }

  status(now: Millis): RegistrationStatus {
    const { name, aor } = this.entry;
    const { state, deadline } = this.#machine;
    const isOver = this.#until !== undefined && this.#until <= now;
    const until = isOver ? undefined : this.#until;
    return {
      name,
      aor,
      registrar: this.#requestUri,
      state,
      registered: until !== undefined,
      ...(until === undefined ? {} : { expires_in_ms: Math.max(0, Math.round(until - now)) }),
      ...(deadline === undefined ? {} : { next_in_ms: Math.max(0, Math.round(deadline - now)) }),
      reason: isOver ? "ended before it was renewed" : until === undefined ? this.#reason : "",
    };
  }

  #perform(outputs: readonly RegistrationOutput[], now: Millis): void {
    if (this.#isClosed) return;
    for (const output of outputs) this.#do(output, now);
    this.#arm(now);
    this.#events.moved();
    if (this.#machine.state !== "stopped") return;
    this.#until = undefined;
    this.close();
    this.#events.stopped();
  }

  #do(output: RegistrationOutput, now: Millis): void {
    switch (output.type) {
      case "register":
        this.#isAsking = true;
        return this.#register(output);
      case "registered":
        this.#until = output.until;
        this.#keep(this.#hops[this.#hopIndex]);
        return this.#tell("info", `Registered as ${this.entry.aor}`, "registered");
      case "lost":
      case "refused": {
        this.#until = undefined;
        this.#reason = output.reason;
        if (output.retryAt > now) this.#keep(undefined);
        const what = output.type === "lost" ? "failed" : "was refused";
        const text = `Registration of ${this.entry.aor} ${what}: ${output.reason}`;
        return this.#tell("warning", text, `${output.type} ${output.reason}`);
      }
    }
  }

  #register(output: RegistrationOutput & { type: "register" }): void {
    if (output.target === "first" || this.#hops.length === 0) return void this.#locate(output);
    if (output.target === "next") this.#hopIndex++;
    const hop = this.#hops[this.#hopIndex];
    if (hop !== undefined) return this.#send(output, hop);
    this.#isAsking = false;
    const now = this.#context.runtime.now();
    this.#perform(this.#machine.exhausted(now), now);
  }

  async #locate(output: RegistrationOutput & { type: "register" }): Promise<void> {
    const { agent, runtime } = this.#context;
    const hops = await agent.locate(this.#requestUri, { routes: this.#routes }).catch(() => []);
    this.#hops = hops;
    this.#hopIndex = 0;
    const [hop] = hops;
    // Nothing went out yet: what is to be stopped has nothing to be undone
    const isWanted = this.#machine.state === "registering" && !this.#isClosed;
    if (hop !== undefined && isWanted) return this.#send(output, hop);
    this.#isAsking = false;
    const now = runtime.now();
    this.#perform(this.#machine.exhausted(now, "the name of the registrar leads nowhere"), now);
  }

  #send(output: RegistrationOutput & { type: "register" }, hop: Hop): void {
    const { agent } = this.#context;
    const { aor } = this.entry;
    const contact = { user: this.contactUser };
    // Its answer is to be let in
    this.#events.moved();
    agent.request({
      method: "REGISTER",
      requestUri: this.#requestUri,
      from: `<${aor}>`,
      to: `<${aor}>`,
      hops: [hop],
      routes: this.#routes,
      headers: [
        ["Expires", `${output.expiresSeconds}`],
        ["Allow", ALLOW],
        // RFC 3327 §5.1: proxies on the way may want to be on the way back
        ["Supported", "path"],
      ],
      contact: { ...contact, parameters: `;expires=${output.expiresSeconds}` },
      callId: output.callId,
      fromTag: output.fromTag,
      sequence: output.sequence,
      credentials: this.#credentials,
    }, (result) => {
      const identity = (flow: Flow) => agent.signalling.identity(flow);
      this.#receive(result, hop, contactFor(identity, hop.flow, contact).slice(1, -1));
    });
  }

  #receive(result: RequestResult, hop: Hop, ownContact: string): void {
    const { agent, runtime } = this.#context;
    const now = runtime.now();
    const { statusCode, response } = result;
    this.#isAsking = false;
    if (response === undefined || statusCode === 503) agent.signalling.markFailed(hop);
    this.#perform(this.#machine.receive(result, ownContact, now), now);
  }

  get #routes(): readonly string[] {
    const { proxy } = this.entry;
    return proxy === undefined ? [] : [asRoute(proxy)];
  }

  #keep(hop: Hop | undefined): void {
    const before = this.#kept;
    if (before === hop) return;
    const { signalling } = this.#context.agent;
    if (hop !== undefined) signalling.keepFlow(hop);
    if (before !== undefined) signalling.releaseFlow(before);
    this.#kept = hop;
  }

  /** Once for each change, not for each try. */
  #tell(level: "info" | "warning", message: string, what: string): void {
    if (what === this.#told) return;
    this.#told = what;
    const fields = { registration: this.entry.name, registrar: this.#requestUri };
    this.#context.observer.log?.(level, message, fields);
  }

  #arm(now: Millis): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { deadline } = this.#machine;
    if (deadline === undefined) return;
    const { runtime } = this.#context;
    this.#timer = runtime.setTimer(() => {
      const at = runtime.now();
      this.#perform(this.#machine.timeout(at), at);
    }, Math.max(0, deadline - now));
  }
}

/** Whether requests to a hop went over a flow. */
function isSameWay({ flow, to }: Hop, failed: Flow): boolean {
  if (flow.transport !== failed.transport) return false;
  if (flow.connection !== undefined && flow.connection === failed.connection) return true;
  return to.port === failed.remote.port && to.address === failed.remote.address;
}
