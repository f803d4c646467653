/**
 * The gateway: one event loop that joins sockets, user agent, calls and timers.
 *
 * It decides nothing about a call: `receiveInvite` asks admission, router and screening in their order, everything
 * after that is the call's.
 *
 * @module
 */

import { formatSocketAddress } from "../base/socket_address.ts";
import { TimerTable } from "../base/timer_table.ts";
import type { Millis } from "../base/units.ts";
import { FORBIDDEN_SOURCE, type Refused, unavailable } from "../call/screening.ts";
import type { Config } from "../config/schema.ts";
import { ClipStore } from "../handler/builtin/clip_store.ts";
import { Router } from "../route/router.ts";
import type { Runtime, Timer } from "../runtime/ports.ts";
import type { SipRequest } from "../sip/message/message.ts";
import type { Flow } from "../sip/transport/flow.ts";
import type { SessionId, UserAgentOutput } from "../sip/user_agent/output.ts";
import { UserAgent } from "../sip/user_agent/user_agent.ts";
import { Admission } from "./admission.ts";
import { makeCall } from "./call_factory.ts";
import { CallTable } from "./call_table.ts";
import { Counters } from "./counters.ts";
import { LiveCall, type LiveCallContext } from "./live_call.ts";
import { MediaClock } from "./media_clock.ts";
import { type GatewayObserver, guardObserver } from "./observer.ts";
import { PortPool } from "./port_pool.ts";
import { formatListener, Signalling } from "./signalling.ts";
import { SourceFilter } from "./source_filter.ts";

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

/** How often `drain` and `stop` look whether everything is gone. */
const POLL_INTERVAL: Millis = 20;

/** Refusals that are logged a second; the others are only counted. */
const REFUSALS_LOGGED_PER_SECOND = 10;

/** One gateway. No state is shared with another in the same process. */
export class Gateway {
  readonly counters = new Counters();
  readonly #runtime: Runtime;
  readonly #observer: GatewayObserver;
  readonly #signalling: Signalling;
  readonly #userAgent: UserAgent;
  readonly #admission: Admission;
  readonly #sources: SourceFilter;
  readonly #clock: MediaClock;
  readonly #calls = new CallTable();
  readonly #deadlines = new TimerTable<LiveCall>();
  readonly #context: LiveCallContext;
  #config: Config;
  #router: Router;
  #timer: Timer | undefined;
  #timerAt: Millis = Infinity;
  #refusalsLogged = 0;
  #refusalsLoggedSince: Millis = 0;

  /** @throws {RangeError} The port range holds no pair. */
  constructor(options: GatewayOptions) {
    const { runtime, config } = options;
    this.#runtime = runtime;
    this.#config = config;
    this.#observer = guardObserver(
      options.observer ?? {},
      () => this.counters.add("internal_errors"),
    );
    this.#router = new Router(config.routes);
    this.#admission = new Admission(config.limits, runtime.now());
    this.#sources = new SourceFilter(config.sip.allow);
    this.#clock = new MediaClock(runtime);
    this.#signalling = new Signalling({
      runtime,
      listen: config.sip.listen,
      advertise: config.sip.advertise,
      counters: this.counters,
      events: {
        admits: (address) => this.#admits(address),
        receive: (message, flow, now) => {
          this.#observer.message?.("received", message, flow);
          this.#guarded(() => this.#dispatch(this.#userAgent.receive(message, flow, now), now));
        },
        malformed: (error, flow, now) =>
          this.#dispatch(this.#userAgent.receiveMalformed(error, flow), now),
        failed: (flow, now) => this.#dispatch(this.#userAgent.transportFailed(flow, now), now),
      },
    });
    const { t1 } = config.sip;
    this.#userAgent = new UserAgent({
      random: runtime.random,
      timers: { t1, t2: 8 * t1, t4: 10 * t1 },
      identity: (flow) => this.#signalling.identity(flow),
    });
    this.#context = this.#liveCallContext(options);
  }

  /** What listens where, such as `udp://127.0.0.1:5060`. */
  get listeners(): readonly string[] {
    return this.#signalling.listeners.map(formatListener);
  }

  /** Calls that are up or being set up. */
  get calls(): number {
    return this.#calls.size;
  }

  /** What the gateway holds at this moment; every number is 0 when it is idle. */
  get held(): Readonly<Record<string, number>> {
    return {
      calls: this.#calls.size,
      handlers: this.#calls.windingDown,
      ports: this.#context.ports.taken,
      admitted: this.#admission.calls,
      ...this.#userAgent.size,
    };
  }

  /**
   * Binds the listeners.
   *
   * @throws {BindError} One of them cannot be bound; then none is.
   */
  async start(): Promise<void> {
    await this.#signalling.open();
  }

  /**
   * Takes over routes and limits of another configuration for new calls; live calls keep theirs.
   *
   * @returns The keys that differ but need a restart; when there are any, nothing was taken over.
   */
  reload(config: Config): readonly string[] {
    const needRestart = (["sip", "rtp", "log"] as const).filter((key) =>
      JSON.stringify(plain(config[key])) !== JSON.stringify(plain(this.#config[key]))
    );
    if (needRestart.length > 0) return needRestart;
    this.#config = config;
    this.#router = new Router(config.routes);
    this.#admission.limits = config.limits;
    return [];
  }

  /** Takes no more calls, and resolves when the last one is over. */
  async drain(): Promise<void> {
    this.#admission.draining = true;
    this.#userAgent.serving = false;
    while (this.#calls.size > 0 || this.#calls.windingDown > 0) await this.#pause();
  }

  /** Ends every call, waits for what has to be waited for, and closes everything. */
  async stop(): Promise<void> {
    this.#admission.draining = true;
    this.#userAgent.serving = false;
    for (const live of this.#calls.values()) {
      live.input((call, now) => call.hangup("shutdown", now));
    }
    const giveUpAt = this.#runtime.now() + STOP_GRACE;
    while (
      (this.#calls.windingDown > 0 || this.#userAgent.size.sessions > 0) &&
      this.#runtime.now() < giveUpAt
    ) await this.#pause();
    for (const live of this.#calls.all()) live.kill();
    while (this.#calls.windingDown > 0 && this.#runtime.now() < giveUpAt + STOP_GRACE) {
      await this.#pause();
    }
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#signalling.close();
  }

  #liveCallContext(options: GatewayOptions): LiveCallContext {
    const { runtime, config } = options;
    const dispatch = (outputs: UserAgentOutput[], now: Millis) => this.#dispatch(outputs, now);
    return {
      runtime,
      config,
      environment: options.environment,
      clipStore: new ClipStore(runtime),
      clock: this.#clock,
      ports: new PortPool(runtime, config.rtp.ports),
      counters: this.counters,
      observer: this.#observer,
      answer: (id, answer, now) => dispatch(this.#userAgent.answer(id, answer, now), now),
      answerReinvite: (id, answer, now) =>
        dispatch(this.#userAgent.answerReinvite(id, answer, now), now),
      bye: (id, headers, now) => dispatch(this.#userAgent.hangup(id, headers, now), now),
      rescheduled: (live) => this.#reschedule(live),
      ended: (live) => {
        this.#calls.end(live);
        this.#deadlines.delete(live);
        this.#admission.leave();
        this.counters.add("calls_ended");
      },
      gone: (live) => this.#calls.remove(live),
    };
  }

  #admits(address: string): boolean {
    return this.#config.sip.refuse === "403" || this.#sources.allows(address);
  }

  #dispatch(outputs: readonly UserAgentOutput[], now: Millis): void {
    for (const output of outputs) this.#handle(output, now);
    this.#arm(now);
  }

  #handle(output: UserAgentOutput, now: Millis): void {
    switch (output.type) {
      case "send":
        this.#observer.message?.("sent", output.message, output.flow);
        return this.#signalling.send(output.flow, output.to, output.bytes);
      case "invite":
        return this.#receiveInvite(output.session, output.request, output.flow, now);
      case "refused":
        return this.#logRefusal(output.statusCode, output.reason, {
          source: output.request.headers.get("Via") ?? "",
        }, now);
      case "ignored":
        return this.counters.add("messages_ignored");
      case "cancelled":
        return this.#live(output.session)?.input((call, at) => call.cancelled(at));
      case "bye":
        return this.#live(output.session)?.input((call, at) => call.bye(at));
      case "info": {
        const { request } = output;
        return this.#live(output.session)?.input((call, at) => call.info(request, at));
      }
      case "ack_timeout":
        return this.#live(output.session)?.input((call, at) => call.ackTimeout(at));
      case "acknowledged": {
        const { body } = output.request;
        return this.#live(output.session)?.input((call, at) => call.acknowledged(body, at));
      }
      case "reinvite": {
        const { request, session } = output;
        const host = this.#config.sip.advertise ?? "voicegw";
        const live = this.#live(session);
        if (live !== undefined) return live.input((call) => call.reinvite(request, host));
        // The call is over for us already; only its BYE is still to be answered
        return this.#context.answerReinvite(session, { statusCode: 481 }, now);
      }
      case "reinvite_acknowledged": {
        const { body } = output.request;
        return this.#live(output.session)?.input((call) => call.reinviteAcknowledged(body));
      }
    }
  }

  #live(session: SessionId): LiveCall | undefined {
    return this.#calls.get(session);
  }

  /** Everything that is looked at before a call costs anything, in its order. */
  #receiveInvite(session: SessionId, request: SipRequest, flow: Flow, now: Millis): void {
    this.counters.add("calls_received");
    const source = formatSocketAddress(flow.remote);
    const problem = this.#sources.allows(flow.remote.address)
      ? this.#admission.enter(now)
      : FORBIDDEN_SOURCE;
    if (problem !== undefined) {
      const refused = typeof problem === "string" ? unavailable(problem) : problem;
      return this.#refuse(session, refused, source, now);
    }
    const made = makeCall({ request, flow, source }, {
      config: this.#config,
      router: this.#router,
      runtime: this.#runtime,
      isSessionIdTaken: (id) => this.#calls.hasExplicitId(id),
    }, now);
    if ("answer" in made) {
      this.#admission.leave();
      return this.#refuse(session, made, source, now);
    }
    const live = new LiveCall({ ...made, session }, this.#context);
    this.#calls.add(live);
    live.input((call) => call.begin());
  }

  #refuse(session: SessionId, refused: Refused, source: string, now: Millis): void {
    this.counters.add("calls_refused");
    this.#logRefusal(refused.answer.statusCode, refused.reason, { source }, now);
    this.#dispatch(this.#userAgent.answer(session, refused.answer, now), now);
  }

  /** Says why a request was refused; a flood of them is counted, not logged. */
  #logRefusal(
    statusCode: number,
    reason: string,
    fields: Readonly<Record<string, string>>,
    now: Millis,
  ): void {
    if (now - this.#refusalsLoggedSince >= 1000) {
      const quiet = this.#refusalsLogged - REFUSALS_LOGGED_PER_SECOND;
      if (quiet > 0) {
        this.#observer.log?.("warning", `${quiet} more requests were refused`, {});
      }
      this.#refusalsLogged = 0;
      this.#refusalsLoggedSince = now;
    }
    this.#refusalsLogged++;
    if (this.#refusalsLogged > REFUSALS_LOGGED_PER_SECOND) return;
    this.#observer.log?.("info", `Refused with ${statusCode}: ${reason}`, fields);
  }

  #reschedule(live: LiveCall): void {
    const { deadline } = live.call;
    if (deadline === undefined) this.#deadlines.delete(live);
    else this.#deadlines.set(live, deadline);
    this.#arm(this.#runtime.now());
  }

  #arm(now: Millis): void {
    const at = Math.min(this.#userAgent.deadline ?? Infinity, this.#deadlines.deadline ?? Infinity);
    // A timer that fires too early asks again; only one that would be too late is replaced
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#runtime.setTimer(() => this.#timeout(), Math.max(0, at - now));
  }

  #timeout(): void {
    this.#timer = undefined;
    this.#timerAt = Infinity;
    const now = this.#runtime.now();
    for (;;) {
      const live = this.#deadlines.popDue(now);
      if (live === undefined) break;
      live.input((call, at) => call.timeout(at));
    }
    this.#guarded(() => this.#dispatch(this.#userAgent.timeout(now), now));
  }

  /** A bug of ours in the signalling costs one message and no other call. */
  #guarded(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.counters.add("internal_errors");
      const message = error instanceof Error ? error.stack ?? error.message : String(error);
      this.#observer.log?.("error", `Internal error: ${message}`, {});
      this.#arm(this.#runtime.now());
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#runtime.setTimer(resolve, POLL_INTERVAL);
    });
  }
}

/** Makes byte arrays comparable as JSON. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_key, part) => part instanceof Uint8Array ? [...part] : part),
  );
}
