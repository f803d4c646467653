/**
 * A WebSocket handler and its server, for tests: a call that keeps what it hears, and the package
 * `ws` at the far end.
 *
 * @module
 */

import type { StartEvent } from "../../../src/call/handler_message.ts";
import { NO_GUARD, type TargetGuard } from "../../../src/handler/target_guard.ts";
import { WebsocketHandler } from "../../../src/handler/websocket/websocket_handler.ts";
import type { WebsocketSpec } from "../../../src/route/route.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import { TwilioCalls } from "../../../src/twilio/live_calls.ts";
import { FACTS } from "../../support/call_facts.ts";
import { RecordingHost, START } from "../recording_host.ts";
import { startWsServer, type WsPeer, type WsServer, type WsServerOptions } from "./ws_server.ts";

/** A route's handler without anything special. */
export const SPEC: WebsocketSpec = {
  type: "websocket",
  url: "ws://127.0.0.1:9/",
  protocol: "voicegw",
  parameters: {},
  account_sid: `AC${"0".repeat(32)}`,
  headers: {},
  timeout: 2_000,
  ping: 0,
  reconnect: { tries: 0, delay: 50 },
  tls: { verify: true },
};

/** What a rig is made of. */
export interface RigOptions {
  readonly spec?: Partial<WebsocketSpec>;
  readonly server?: WsServerOptions;
  readonly start?: Partial<StartEvent>;
  readonly targets?: TargetGuard;
  readonly rate?: number;
}

/** A handler, its call, and its server. */
export class Rig {
  readonly server: WsServer;
  readonly host = new RecordingHost();
  readonly calls = new TwilioCalls();
  readonly handler: WebsocketHandler;
  /** What the call heard of waiting, in order. */
  readonly waits: boolean[] = [];
  /** Called when the handler begins to wait. */
  onWaiting: () => void = () => {};
  readonly #start: StartEvent;

  constructor(server: WsServer, { spec, start, rate = 8000, targets = NO_GUARD }: RigOptions) {
    this.server = server;
    this.#start = { ...START, audio: { ...START.audio, rate }, ...start };
    const waiting = this.host.waiting.bind(this.host);
    this.host.waiting = (isWaiting) => {
      this.waits.push(isWaiting);
      waiting(isWaiting);
      if (isWaiting) this.onWaiting();
    };
    this.handler = new WebsocketHandler({
      spec: { ...SPEC, url: server.url, ...spec },
      context: { runtime: createRuntime(), facts: FACTS, rate, targets, twilioCalls: this.calls },
      host: this.host,
    });
  }

  start(): void {
    this.handler.start(this.#start);
  }

  /** The client at the server that came so many others after the first. */
  peer(index = 0): WsPeer {
    const peer = this.server.peers[index];
    if (peer === undefined) throw new Error(`Only ${this.server.peers.length} came`);
    return peer;
  }

  /** Ends everything; what is left would keep the tests from ending. */
  async stop(): Promise<void> {
    this.handler.kill();
    await this.host.untilEnded();
    await this.server.stop();
  }
}

/** Makes a rig, and connects it. */
export async function connectedRig(options: RigOptions = {}): Promise<Rig> {
  const rig = new Rig(await startWsServer(options.server), options);
  rig.start();
  await until(() => rig.server.peers.length > 0 && rig.peer().messages.length > 0);
  await rig.host.until(() => rig.host.of("started").length === 1);
  return rig;
}

/** Looks again and again, since what it waits for happens at the far end. */
export async function until(check: () => boolean, timeoutMs = 3_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!check()) {
    if (performance.now() > deadline) throw new Error("Waited in vain");
    await wait(2);
  }
}

/** Lets time pass. */
export function wait(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}

/** So much sound of the caller, at 8000 Hz. */
export function frame(value: number, samples = 160): Uint8Array {
  return new Uint8Array(samples * 2).fill(value);
}
