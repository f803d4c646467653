/**
 * The gateway: joins the user agent with calls and their timers. It decides nothing about a call: an INVITE passes the
 * door, the router and the screening in their order, everything after that is the call's.
 *
 * @module
 */

import type { AudioLibraries } from "../audio/audio_libraries.ts";
import type { Millis } from "../base/units.ts";
import type { Refused } from "../call/screening.ts";
import type { Config } from "../config/schema.ts";
import { ClipStore } from "../handler/builtin/clip_store.ts";
import type { Runtime } from "../runtime/ports.ts";
import type { InviteOutput, SessionId, UserAgentOutput } from "../sip/user_agent/output.ts";
import { Agent } from "./agent.ts";
import { CallDeadlines } from "./call_deadlines.ts";
import { makeCall } from "./call_factory.ts";
import { CallTable } from "./call_table.ts";
import { IdleMemory } from "./idle_memory.ts";
import { keysForRestart } from "./changed_keys.ts";
import { Counters } from "./counters.ts";
import { Door } from "./door.ts";
import { HandlerServices } from "./handler_services.ts";
import { LiveCall, type LiveCallContext } from "./live_call.ts";
import type { LoopLagFigures } from "./loop_lag.ts";
import { MediaClock } from "./media_clock.ts";
import { neededLibraries } from "./needed_libraries.ts";
import { type GatewayObserver, guardObserver } from "./observer.ts";
import { PortPool } from "./port_pool.ts";
import { Outbound, type OutgoingCall, type OutgoingCallOptions } from "./outbound.ts";
import { RefusalLog } from "./refusal_log.ts";
import { Recordings } from "./recordings.ts";
import { Registrations, type RegistrationStatus } from "./registrations.ts";
import { Routing } from "./routing.ts";
import { formatListener } from "./signalling.ts";
import type { BlockedSource } from "./source_guard.ts";
import { readTargetTls } from "./target_tls.ts";
import { readTls } from "./tls_files.ts";
import { waitUntil } from "./wait_until.ts";

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly runtime: Runtime;
  readonly config: Config;
  /** The environment that child processes inherit. */
  readonly environment: Readonly<Record<string, string>>;
  readonly observer?: GatewayObserver;
}

/** How long `stop` waits for BYEs to be answered and handlers to go. */
const STOP_GRACE: Millis = 5000;

/** One gateway. No state is shared with another in the same process. */
export class Gateway {
  readonly counters = new Counters();
  readonly #runtime: Runtime;
  readonly #observer: GatewayObserver;
  readonly #refusals: RefusalLog;
  readonly #agent: Agent;
  readonly #door: Door;
  readonly #registrations: Registrations;
  readonly #outbound: Outbound;
  readonly #clock: MediaClock;
  readonly #calls = new CallTable();
  readonly #deadlines: CallDeadlines;
  readonly #context: LiveCallContext;
  readonly #services: HandlerServices;
  #config: Config;
  readonly #routing: Routing;
  #libraries: AudioLibraries = {};

  /** @throws {RangeError} The port range holds no pair. */
  constructor(options: GatewayOptions) {
    const { runtime, config, environment } = options;
    const { routes } = config;
    const failed = () => this.counters.add("internal_errors");
    const observer = guardObserver(options.observer ?? {}, failed);
    this.#runtime = runtime;
    this.#config = config;
    this.#observer = observer;
    this.#refusals = new RefusalLog({ observer, config: () => this.#config });
    this.#routing = new Routing({ runtime, environment, observer, routes });
    const health = () => ({ calls: this.calls, ...this.lag });
    this.#services = new HandlerServices({ runtime, config, observer, health });
    this.#clock = new MediaClock(runtime);
    this.#deadlines = new CallDeadlines(runtime);
    this.#agent = this.#makeAgent();
    this.#door = new Door({
      config,
      runtime,
      counters: this.counters,
      log: (level, message, fields) => observer.log?.(level, message, fields),
      expects: (address) => this.#registrations.allows(address) || this.#outbound.expects(address),
      registrationOf: (invite) => this.#registrations.registrationOf(invite),
    });
    this.#registrations = new Registrations({ agent: this.#agent, runtime, observer });
    this.#outbound = new Outbound({
      agent: this.#agent,
      runtime,
      config: () => this.#config,
      live: () => this.#context,
      slots: this.#routing.slots,
      admit: (now) => this.#door.enterOwn(now),
      began: (live) => {
        this.#routing.placed(live.call.facts);
        this.#calls.add(live);
      },
      crashed: (error) => this.#crashed(error),
    });
    this.#context = this.#liveCallContext(options);
  }

  /** What listens where, such as `udp://127.0.0.1:5060`. */
  get listeners(): readonly string[] {
    return this.#agent.signalling.listeners.map(formatListener);
  }

  /** Calls that are up or being set up. */
  get calls(): number {
    return this.#calls.size;
  }

  /** How late the event loop was in the last second; zeros while there are no calls. */
  get lag(): LoopLagFigures {
    return this.#door.lag;
  }

  /** What the gateway holds at this moment; every number is 0 when it is idle. */
  get held(): Readonly<Record<string, number>> {
    return {
      calls: this.#calls.size,
      handlers: this.#calls.windingDown,
      ports: this.#context.ports.taken,
      recordings: this.#context.recordings.size,
      programs: this.#routing.pools.leaving,
      admitted: this.#door.calls,
      ...this.#agent.size,
    };
  }

  /** Programs that were started ahead and wait for calls. */
  get pooled(): number {
    return this.#routing.pools.waiting;
  }

  /** `address:port` of the API; `undefined`: there is none. */
  get api(): string | undefined {
    return this.#services.apiAddress;
  }

  /** How the registrations stand, in the order of the configuration. */
  get registrations(): readonly RegistrationStatus[] {
    return this.#registrations.status();
  }

  /** Sources that are shut out for a while. */
  get blocked(): readonly BlockedSource[] {
    return this.#door.blocked;
  }

  /**
   * Binds the listeners.
   *
   * @throws {BindError} One of them cannot be bound; then none is.
   * @throws {TlsError} A certificate, key or authority cannot be used.
   */
  async start(): Promise<void> {
    const tls = await readTls(this.#config.sip.tls, this.#runtime);
    const loaded = await this.#load(this.#config);
    if (tls !== undefined) this.#agent.signalling.replaceTls(tls);
    await this.#services.open(() => this.#agent.open());
    this.#takeOver(loaded);
  }

  /**
   * Takes over routes and limits of another configuration for new calls, and reads certificates again; live calls and
   * open connections keep theirs.
   *
   * @returns The keys, such as `sip.listen`, that differ but need a restart; when there are any, nothing was taken over.
   * @throws {TlsError} A certificate, key or authority cannot be used; nothing was taken over.
   */
  async reload(config: Config): Promise<readonly string[]> {
    const needRestart = keysForRestart(config, this.#config);
    if (needRestart.length > 0) return needRestart;
    const tls = await readTls(config.sip.tls, this.#runtime);
    const loaded = await this.#load(config);
    if (tls !== undefined) this.#agent.signalling.replaceTls(tls);
    this.#takeOver(loaded);
    return [];
  }

  /**
   * Calls somebody; once they answer, the handler of a route talks to them.
   *
   * @returns Before anybody has answered.
   * @throws {OutboundCallError} There is no such trunk or route, the URI cannot be called, or there is no room.
   */
  dial(options: OutgoingCallOptions): Promise<OutgoingCall> {
    return this.#outbound.place(options);
  }

  /** Takes no more calls, and resolves when the last one is over. */
  async drain(): Promise<void> {
    this.#close();
    await waitUntil(this.#runtime, () => this.#calls.size === 0 && this.#calls.windingDown === 0);
  }

  /** Ends every call, waits for what has to be waited for, and closes everything. */
  async stop(): Promise<void> {
    this.#close();
    for (const live of this.#calls.values()) {
      live.input((call, now) => call.hangup("shutdown", now));
    }
    const giveUpAt = this.#runtime.now() + STOP_GRACE;
    void this.#registrations.stop();
    const isGone = () =>
      this.#calls.windingDown === 0 && this.#agent.size.sessions === 0 &&
      this.#registrations.asking === 0 && this.#routing.pools.leaving === 0;
    await waitUntil(this.#runtime, isGone, giveUpAt);
    for (const live of this.#calls.all()) live.kill();
    this.#routing.pools.kill();
    const isDead = () => this.#calls.windingDown === 0 && this.#routing.pools.leaving === 0;
    await waitUntil(this.#runtime, isDead, giveUpAt + STOP_GRACE);
    this.#deadlines.close();
    this.#context.ports.close();
    this.#registrations.close();
    this.#agent.close();
    await this.#services.close();
  }

  /** Loads what codecs and routes need; what is there already stays. */
  async #load(config: Config): Promise<Config> {
    const loaded = await readTargetTls(config, this.#runtime);
    this.#libraries = await this.#runtime.loadAudioLibraries(neededLibraries(config));
    return loaded;
  }

  /** It holds for calls that come. */
  #takeOver(config: Config): void {
    this.#config = config;
    this.#routing.replace(config.routes);
    this.#services.replace(config);
    this.#door.limits = config.limits;
    this.#registrations.replace(config.registrations);
  }

  /** From now on nobody is let in. */
  #close(): void {
    this.#door.draining = true;
    this.#agent.serving = false;
    this.#services.draining = true;
    this.#routing.close();
  }

  #makeAgent(): Agent {
    const { sip } = this.#config;
    const { t1 } = sip;
    const message = this.#observer.message;
    const memory = new IdleMemory(this.#runtime, this.counters);
    return new Agent({
      runtime: this.#runtime,
      signalling: {
        listen: sip.listen,
        advertise: sip.advertise,
        keepAlive: sip.keep_alive,
        counters: this.counters,
      },
      admits: (address) => this.#door.admits(address),
      userAgent: {
        timers: { t1, t2: 8 * t1, t4: 10 * t1 },
        sessionTimer: { expires: sip.session_expires, minimum: sip.min_session_expires },
      },
      events: {
        invite: (output, now) => this.#receiveInvite(output, now),
        refused: (output, now) => this.#refused(output, now),
        admits: (received, flow, now) => this.#door.admitsMessage(received, flow, now),
        ...(message === undefined ? {} : { message }),
        failed: (flow, now) => this.#registrations.flowFailed(flow, now),
        unconnected: (failure, now) => this.#refusals.unconnected(failure, now),
        malformed: (error, flow, now) => {
          this.#door.malformed(flow, now);
          this.#refusals.malformed(error, flow, now);
        },
        crashed: (error) => this.#crashed(error),
        idle: () => memory.reached(),
      },
    });
  }

  #liveCallContext(options: GatewayOptions): LiveCallContext {
    const { runtime, config } = options;
    const libraries = () => this.#libraries;
    return {
      runtime,
      config,
      environment: options.environment,
      clipStore: new ClipStore(runtime),
      pools: this.#routing.pools,
      services: this.#services,
      clock: this.#clock,
      get libraries() {
        return libraries();
      },
      ports: new PortPool(runtime, config.rtp.ports),
      recordings: new Recordings(runtime),
      counters: this.counters,
      observer: this.#observer,
      agent: this.#agent,
      rescheduled: (live) => this.#deadlines.update(live),
      acknowledged: (live) => this.#door.acknowledged(live.session),
      ended: (live) => {
        this.#calls.end(live);
        this.#deadlines.delete(live);
        this.#door.leave(live.session, live.sourceAddress);
        this.#outbound.release(live);
        this.#routing.slots.leave(live.call.facts.id);
        this.counters.add("calls_ended");
      },
      gone: (live) => this.#calls.remove(live),
      refused: (live, statusCode, reason) => {
        const { id, source, sip_call_id: callId } = live.call.facts;
        const fields = { source, call_id: callId, call: id };
        this.#refusals.inCall(`${statusCode}: ${reason}`, fields, runtime.now());
      },
      handOver: (live, name) => this.#routing.findHandOver(live.call.facts.id, name),
      handedOver: (live, route) => this.#routing.slots.enter(live.call.facts.id, route),
      callById: (id) => this.#calls.byId(id),
      refer: (live, referred) => this.#outbound.refer(live, referred),
      dial: (live, offer) => this.#outbound.dial(live, offer),
      cancelDial: (live, headers) => this.#outbound.cancel(live, headers),
    };
  }

  /** Everything that is looked at before a call costs anything, in its order. */
  #receiveInvite(invite: InviteOutput, now: Millis): void {
    this.counters.add("calls_received");
    const entered = this.#door.enter(invite, now);
    if ("answer" in entered) return this.#refuse(invite, entered, now);
    const { flow, session } = invite;
    if (invite.replaces !== undefined) return this.#replace(invite, invite.replaces, now);
    const made = makeCall(invite, entered, {
      config: this.#config,
      router: this.#routing.router,
      slots: this.#routing.slots,
      runtime: this.#runtime,
      isSessionIdTaken: (id) => this.#calls.hasExplicitId(id),
    }, now);
    if ("answer" in made) {
      this.#door.leave(session, flow.remote.address);
      return this.#refuse(invite, made, now);
    }
    const live = new LiveCall(made.options, this.#context);
    this.#routing.entered(live.call.facts, made);
    this.#calls.add(live);
    this.#agent.own(session, live);
    // The call may outlive its registration
    if (entered.registration !== "") this.#outbound.expect(live, flow.remote.address);
    live.input((call) => call.begin());
  }

  /** An INVITE takes the place of a live call's session: that call goes on. RFC 3891 */
  #replace(invite: InviteOutput, replaced: SessionId, now: Millis): void {
    // It is no call of its own
    this.#door.leave(invite.session, invite.flow.remote.address);
    const live = this.#calls.bySession(replaced);
    if (live === undefined) {
      const reason = "the call that Replaces names is over";
      return this.#refuse(invite, { answer: { statusCode: 603 }, cause: "refused", reason }, now);
    }
    const reason = live.replace(invite);
    if (reason === undefined) return;
    this.counters.add("calls_refused");
    const { request, flow } = invite;
    this.#refusals.refused({ statusCode: 488, reason, request, flow }, now);
  }

  #refuse({ session, request, flow }: InviteOutput, refused: Refused, now: Millis): void {
    const { answer: { statusCode }, reason } = refused;
    // A challenge is a question, and no refusal
    if (reason === "") {
      this.#refusals.challenged(request, flow);
    } else {
      this.counters.add("calls_refused");
      this.#refusals.refused({ statusCode, reason, request, flow }, now);
    }
    this.#agent.perform((userAgent, at) => userAgent.answer(session, refused.answer, at));
  }

  #refused(output: UserAgentOutput & { type: "refused" }, now: Millis): void {
    this.#door.refused(output, now);
    this.#refusals.refused(output, now);
  }

  /** A bug of ours in the signalling costs one message and no other call. */
  #crashed(error: unknown): void {
    this.counters.add("internal_errors");
    const message = error instanceof Error ? error.stack ?? error.message : String(error);
    this.#observer.log?.("error", `Internal error: ${message}`, {});
  }
}
