/**
 * voicegw as a library: the same gateway that the command `voicegw serve` runs.
 *
 * ```ts
 * import { createGateway } from "./mod.ts";
 *
 * const gateway = createGateway(
 *   { sip: { listen: ["udp://127.0.0.1:5060"] }, routes: [{ exec: ["cat"] }] },
 *   { callEnded: (record) => console.log(record.call.from.uri, record.cause) },
 * );
 * await gateway.start();
 * ```
 *
 * @module
 */

import { configFrom } from "./src/config/load.ts";
import { Gateway } from "./src/gateway/gateway.ts";
import type { GatewayObserver } from "./src/gateway/observer.ts";
import { programEnvironment } from "./src/runtime/command_line.ts";
import { createRuntime } from "./src/runtime/runtime.ts";

export type { CallRecord } from "./src/call/call_record.ts";
export type {
  EndCause,
  EndEvent,
  HandlerCommand,
  HandlerEvent,
  StartEvent,
} from "./src/call/handler_message.ts";
export { ConfigError, type ConfigIssue, formatIssue } from "./src/config/issue.ts";
export { configFrom, loadConfig } from "./src/config/load.ts";
export { type Config, jsonSchema } from "./src/config/schema.ts";
export { Gateway, type GatewayOptions } from "./src/gateway/gateway.ts";
export type { GatewayObserver, LogFields, LogLevel } from "./src/gateway/observer.ts";
export type { OutgoingAnswer, OutgoingCall, OutgoingCallOptions } from "./src/gateway/outbound.ts";
export type { RegistrationStatus } from "./src/gateway/registrations.ts";
export { placeCall } from "./src/gateway/outbound_call.ts";
export {
  OutboundCallError,
  type OutboundCallOptions,
  type OutboundCallResult,
} from "./src/gateway/outbound_options.ts";
export type { MediaStatistics } from "./src/media/statistics.ts";
export type { CallFacts, DiversionFacts, PartyFacts } from "./src/route/call_facts.ts";
export { BindError, type Runtime, TlsError } from "./src/runtime/ports.ts";
export { createRuntime } from "./src/runtime/runtime.ts";

/**
 * Makes a gateway from the same keys as a routing file has. It does nothing before `start`.
 *
 * @param config As `routes.yaml`, as a plain object.
 * @param observer Hears of calls that end, log lines and SIP messages.
 * @throws {ConfigError} The configuration does not hold; the error has every issue.
 */
export function createGateway(config: unknown, observer: GatewayObserver = {}): Gateway {
  const checked = configFrom(config);
  return new Gateway({
    runtime: createRuntime({ nameServers: checked.sip.name_servers }),
    config: checked,
    environment: programEnvironment(),
    observer,
  });
}
