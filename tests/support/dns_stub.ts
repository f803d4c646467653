/**
 * A name server for tests: answers from a table, over UDP. RFC 1035 §4.
 *
 * @module
 */

import { formatSocketAddress, parseIpAddress } from "../../src/base/socket_address.ts";
import type { NaptrRecord, SrvRecord } from "../../src/base/dns_record.ts";
import type { Runtime } from "../../src/runtime/ports.ts";

/** What there is, by name; names are compared without regard to case. */
export interface DnsRecords {
  readonly a?: Readonly<Record<string, readonly string[]>>;
  readonly aaaa?: Readonly<Record<string, readonly string[]>>;
  readonly srv?: Readonly<Record<string, readonly SrvRecord[]>>;
  readonly naptr?: Readonly<Record<string, readonly NaptrRecord[]>>;
  /** Questions for these are never answered. */
  readonly silent?: readonly string[];
}

/** A running name server. */
export interface DnsStub {
  /** For `nameServers`, such as `127.0.0.1:40000`. */
  readonly address: string;
  /** What was asked, such as `SRV _sip._udp.example.test`, in order. */
  readonly queries: readonly string[];
  close(): void;
}

const TYPES: ReadonlyMap<number, string> = new Map([
  [1, "A"],
  [28, "AAAA"],
  [33, "SRV"],
  [35, "NAPTR"],
]);

const HEADER_BYTES = 12;
const NO_SUCH_NAME = 3;

/** Starts a name server on loopback. */
export async function startDnsStub(runtime: Runtime, records: DnsRecords): Promise<DnsStub> {
  const queries: string[] = [];
  const socket = await runtime.bindUdp({
    address: "127.0.0.1",
    port: 0,
    receive: (data, port, address) => {
      const question = readQuestion(data);
      if (question === undefined) return;
      queries.push(`${question.type} ${question.name}`);
      if (records.silent?.includes(question.name)) return;
      socket.send(answer(question, records), port, address);
    },
  });
  return { address: formatSocketAddress(socket.local), queries, close: () => socket.close() };
}

interface Question {
  readonly id: readonly number[];
  /** As it was asked. */
  readonly bytes: readonly number[];
  readonly name: string;
  readonly type: string;
}

function readQuestion(data: Uint8Array): Question | undefined {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = data[at] ?? 0; length > 0; length = data[at] ?? 0) {
    labels.push(new TextDecoder().decode(data.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  // The root's label, type and class.
  const end = at + 5;
  const type = TYPES.get((data[at + 1] ?? 0) << 8 | (data[at + 2] ?? 0));
  if (type === undefined || end > data.length) return undefined;
  const bytes = [...data.subarray(HEADER_BYTES, end)];
  return { id: [...data.subarray(0, 2)], bytes, name: labels.join(".").toLowerCase(), type };
}

function answer({ id, bytes, name, type }: Question, records: DnsRecords): Uint8Array {
  const found = [
    ...ofName(records.a, name).map((each) => ["A", address(each)] as const),
    ...ofName(records.aaaa, name).map((each) => ["AAAA", address(each)] as const),
    ...ofName(records.srv, name).map((each) => ["SRV", srv(each)] as const),
    ...ofName(records.naptr, name).map((each) => ["NAPTR", naptr(each)] as const),
  ];
  const answers = found.filter((each) => each[0] === type).map((each) => each[1]);
  const code = found.length === 0 ? NO_SUCH_NAME : 0;
  const typeAndClass = bytes.slice(-4);
  return new Uint8Array([
    ...id,
    // A response of an authority, which recurses.
    0x85,
    0x80 | code,
    ...u16(1),
    ...u16(answers.length),
    ...u16(0),
    ...u16(0),
    ...bytes,
    ...answers.flatMap((data) => [
      // The name in the question.
      ...u16(0xc000 | HEADER_BYTES),
      ...typeAndClass,
      // Lifetime in seconds.
      ...u16(0),
      ...u16(60),
      ...u16(data.length),
      ...data,
    ]),
  ]);
}

function ofName<T>(table: Readonly<Record<string, readonly T[]>> = {}, name: string): readonly T[] {
  const found = Object.entries(table).find(([key]) => key.toLowerCase() === name);
  return found?.[1] ?? [];
}

function address(text: string): number[] {
  const bytes = parseIpAddress(text);
  if (bytes === undefined) throw new RangeError(`"${text}" is no address`);
  return [...bytes];
}

/** RFC 2782 */
function srv({ priority, weight, port, target }: SrvRecord): number[] {
  return [...u16(priority), ...u16(weight), ...u16(port), ...domainName(target)];
}

/** RFC 3403 §4.1 */
function naptr({ order, preference, flags, service, replacement }: NaptrRecord): number[] {
  const texts = [flags, service, ""].flatMap(characterString);
  return [...u16(order), ...u16(preference), ...texts, ...domainName(replacement)];
}

function domainName(name: string): number[] {
  return [...name.split(".").filter((label) => label !== "").flatMap(characterString), 0];
}

function characterString(text: string): number[] {
  return [text.length, ...new TextEncoder().encode(text)];
}

function u16(value: number): [number, number] {
  return [value >> 8, value & 0xff];
}
