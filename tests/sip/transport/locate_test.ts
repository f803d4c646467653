import { describe, expect, test } from "bun:test";
import type { NaptrRecord, SrvRecord } from "../../../src/base/dns_record.ts";
import { SeededRandom } from "../../../src/base/random.ts";
import { nextHopOf, type UriTransport } from "../../../src/sip/message/next_hop.ts";
import { DESTINATIONS_MAX, Location, orderSrv } from "../../../src/sip/transport/locate.ts";

/** What a name server knows; what is not named does not exist. */
interface Zone {
  readonly naptr?: Readonly<Record<string, readonly NaptrRecord[]>>;
  readonly srv?: Readonly<Record<string, readonly SrvRecord[]>>;
  readonly host?: Readonly<Record<string, readonly string[]>>;
}

interface Located {
  /** In the order they were made; those of one round are sorted. */
  readonly queries: string[];
  /** `transport address:port`. */
  readonly found: string[];
}

const ALL: readonly UriTransport[] = ["udp", "tcp", "tls", "ws", "wss"];
const USUAL: readonly UriTransport[] = ["udp", "tcp", "tls"];

/** Asks a zone until there are no more questions. */
function locate(uri: string, zone: Zone, options: {
  preferred?: readonly UriTransport[];
  available?: readonly UriTransport[];
  seed?: number;
  reaches?: (destination: { readonly address: string }) => boolean;
} = {}): Located {
  const hop = nextHopOf(uri);
  if (hop === undefined) return { queries: [], found: ["no hop"] };
  const location = new Location({
    hop,
    available: options.available ?? ALL,
    preferred: options.preferred ?? USUAL,
    random: new SeededRandom(options.seed ?? 1),
    ...(options.reaches === undefined ? {} : { reaches: options.reaches }),
  });
  const queries: string[] = [];
  for (let round = 0; location.queries.length > 0; round++) {
    if (round > 5) throw new Error("The questions have no end");
    for (const { type, name } of [...location.queries]) {
      queries.push(`${type} ${name}`);
      if (type === "naptr") location.receiveNaptr(name, zone.naptr?.[name] ?? []);
      if (type === "srv") location.receiveSrv(name, zone.srv?.[name] ?? []);
      if (type === "host") location.receiveHost(name, zone.host?.[name] ?? []);
    }
  }
  const found = location.destinations.map(({ transport, address, port }) =>
    address.includes(":") ? `${transport} [${address}]:${port}` : `${transport} ${address}:${port}`
  );
  return { queries, found };
}

function naptr(order: number, preference: number, service: string, to: string): NaptrRecord {
  return { order, preference, flags: "s", service, replacement: to };
}

function srv(priority: number, weight: number, port: number, target: string): SrvRecord {
  return { priority, weight, port, target };
}

describe("RFC 3263 §4.1 a literal address", () => {
  const table: readonly [uri: string, found: string[]][] = [
    ["sip:192.0.2.1", ["udp 192.0.2.1:5060"]],
    ["sip:192.0.2.1:5070", ["udp 192.0.2.1:5070"]],
    ["sip:[2001:db8::1]", ["udp [2001:db8::1]:5060"]],
    ["sip:192.0.2.1;transport=tcp", ["tcp 192.0.2.1:5060"]],
    ["sip:192.0.2.1;transport=tls", ["tls 192.0.2.1:5061"]],
    ["sip:192.0.2.1;transport=ws", ["ws 192.0.2.1:80"]],
    ["sips:192.0.2.1", ["tls 192.0.2.1:5061"]],
    ["sips:192.0.2.1;transport=tcp", ["tls 192.0.2.1:5061"]],
    ["sips:192.0.2.1;transport=ws", ["wss 192.0.2.1:443"]],
    ["sips:192.0.2.1:5080", ["tls 192.0.2.1:5080"]],
    ["sips:192.0.2.1;transport=udp", ["no hop"]],
    ["sip:192.0.2.1;transport=sctp", ["no hop"]],
    ["tel:+15551234", ["no hop"]],
    ["sip:name.example;maddr=192.0.2.7", ["udp 192.0.2.7:5060"]],
  ];
  for (const [uri, found] of table) {
    test(`${uri} leads to ${found} without a question`, () => {
      expect(locate(uri, {})).toEqual({ queries: [], found });
    });
  }

  test("is reached over what listens, where there is no UDP", () => {
    const streams: readonly UriTransport[] = ["tcp", "tls", "ws", "wss"];
    const over = (preferred: readonly UriTransport[]) =>
      locate("sip:192.0.2.1", {}, { preferred, available: streams }).found;
    expect(over(["tcp", "tls"])).toEqual(["tcp 192.0.2.1:5060"]);
    expect(over(["tls"])).toEqual(["tls 192.0.2.1:5061"]);
    expect(over([])).toEqual(["tcp 192.0.2.1:5060"]);
  });

  test("leads nowhere over a transport that we do not have, or to a family that we do not", () => {
    const without: readonly UriTransport[] = ["tcp"];
    expect(locate("sip:192.0.2.1;transport=udp", {}, { available: without }).found).toEqual([]);
    const reaches = ({ address }: { readonly address: string }) => !address.includes(":");
    expect(locate("sip:[2001:db8::1]", {}, { reaches }).found).toEqual([]);
  });
});

describe("RFC 3263 §4.1 a name with a port", () => {
  const zone: Zone = { host: { "pbx.example": ["192.0.2.1", "2001:db8::1"] } };

  test("has its addresses looked up and nothing else", () => {
    expect(locate("sip:pbx.example:5070", zone)).toEqual({
      queries: ["host pbx.example"],
      found: ["udp 192.0.2.1:5070", "udp [2001:db8::1]:5070"],
    });
  });

  test("keeps the transport that it names, and TLS for sips", () => {
    expect(locate("sip:pbx.example:5070;transport=tcp", zone).found[0])
      .toBe("tcp 192.0.2.1:5070");
    expect(locate("sips:pbx.example:5071", zone).found[0]).toBe("tls 192.0.2.1:5071");
  });

  test("leaves out addresses of a family that we have no socket for", () => {
    const reaches = ({ address }: { readonly address: string }) => !address.includes(":");
    expect(locate("sip:pbx.example:5070", zone, { reaches }).found).toEqual(["udp 192.0.2.1:5070"]);
  });

  test("leads nowhere when it does not exist", () => {
    expect(locate("sip:nobody.example:5060", zone).found).toEqual([]);
  });
});

describe("RFC 3263 §4.2 a name with a transport and no port", () => {
  test("is looked up by SRV of that transport alone", () => {
    const zone: Zone = {
      srv: { "_sip._tcp.pbx.example": [srv(1, 0, 5070, "a.pbx.example.")] },
      host: { "a.pbx.example": ["192.0.2.1"] },
    };
    expect(locate("sip:pbx.example;transport=tcp", zone)).toEqual({
      queries: ["srv _sip._tcp.pbx.example", "host a.pbx.example"],
      found: ["tcp 192.0.2.1:5070"],
    });
  });

  test("falls back to its own addresses and the default port", () => {
    const zone: Zone = { host: { "pbx.example": ["192.0.2.1"] } };
    const found = (uri: string) => locate(uri, zone).found;
    expect(found("sip:pbx.example;transport=udp")).toEqual(["udp 192.0.2.1:5060"]);
    expect(found("sip:pbx.example;transport=tls")).toEqual(["tls 192.0.2.1:5061"]);
    expect(found("sips:pbx.example;transport=tcp")).toEqual(["tls 192.0.2.1:5061"]);
    expect(found("sip:pbx.example;transport=wss")).toEqual(["wss 192.0.2.1:443"]);
  });

  test("asks _sips._tcp for TLS, _sip._ws for WebSockets (RFC 7118 §5.3)", () => {
    const asked = (uri: string) => locate(uri, {}).queries[0];
    expect(asked("sip:pbx.example;transport=tls")).toBe("srv _sips._tcp.pbx.example");
    expect(asked("sips:pbx.example;transport=tcp")).toBe("srv _sips._tcp.pbx.example");
    expect(asked("sip:pbx.example;transport=ws")).toBe("srv _sip._ws.pbx.example");
  });
});

describe("RFC 3263 §4.1 a name alone", () => {
  const zone: Zone = {
    naptr: {
      "example.com": [
        naptr(100, 50, "SIP+D2T", "_sip._tcp.example.com."),
        naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.com."),
        naptr(90, 10, "SIP+D2S", "_sip._sctp.example.com."),
        naptr(100, 90, "SIP+D2U", "_sip._udp.example.com."),
      ],
    },
    srv: {
      "_sips._tcp.example.com": [srv(0, 1, 5061, "s1.example.com")],
      "_sip._tcp.example.com": [
        srv(0, 1, 5060, "s1.example.com"),
        srv(2, 1, 5062, "s2.example.com"),
      ],
      "_sip._udp.example.com": [srv(0, 1, 5060, "s1.example.com")],
    },
    host: { "s1.example.com": ["192.0.2.1"], "s2.example.com": ["192.0.2.2", "192.0.2.3"] },
  };

  test("follows NAPTR by order and preference, SRV by priority, then every address", () => {
    expect(locate("sip:example.com", zone).found).toEqual([
      "tls 192.0.2.1:5061",
      "tcp 192.0.2.1:5060",
      "tcp 192.0.2.2:5062",
      "tcp 192.0.2.3:5062",
      "udp 192.0.2.1:5060",
    ]);
  });

  test("follows only services of transports that we speak", () => {
    const { queries, found } = locate("sip:example.com", zone, { preferred: ["udp"] });
    expect(found).toEqual(["udp 192.0.2.1:5060"]);
    expect(queries).toEqual([
      "naptr example.com",
      "srv _sip._udp.example.com",
      "host s1.example.com",
    ]);
  });

  test("takes nothing but TLS for sips, whatever the records offer", () => {
    expect(locate("sips:example.com", zone).found).toEqual(["tls 192.0.2.1:5061"]);
    expect(locate("sips:example.com", zone, { preferred: ["udp", "tcp"] }).found)
      .toEqual(["tls 192.0.2.1:5061"]);
  });

  test("ignores NAPTR records of other kinds", () => {
    const records = [
      { ...naptr(1, 1, "SIP+D2U", "x.example"), flags: "u" },
      naptr(2, 1, "E2U+sip", "y.example"),
      naptr(3, 1, "sip+d2u", "_sip._udp.other.example"),
    ];
    const { queries } = locate("sip:example.com", { naptr: { "example.com": records } });
    expect(queries).toContain("srv _sip._udp.other.example");
    expect(queries).not.toContain("srv y.example");
  });

  test("asks SRV of TCP and UDP where there is no NAPTR", () => {
    const { naptr: _, ...rest } = zone;
    expect(locate("sip:example.com", rest)).toEqual({
      queries: [
        "naptr example.com",
        "srv _sip._tcp.example.com",
        "srv _sip._udp.example.com",
        "host s1.example.com",
        "host s2.example.com",
      ],
      found: [
        "tcp 192.0.2.1:5060",
        "tcp 192.0.2.2:5062",
        "tcp 192.0.2.3:5062",
        "udp 192.0.2.1:5060",
      ],
    });
    expect(locate("sips:example.com", rest).found).toEqual(["tls 192.0.2.1:5061"]);
  });

  test("falls back to its addresses: UDP 5060, TLS 5061 for sips", () => {
    const plain: Zone = { host: { "example.com": ["192.0.2.9"] } };
    expect(locate("sip:example.com", plain).found).toEqual(["udp 192.0.2.9:5060"]);
    expect(locate("sips:example.com", plain).found).toEqual(["tls 192.0.2.9:5061"]);
    expect(locate("sip:example.com", plain, { preferred: ["tcp"] }).found)
      .toEqual(["tcp 192.0.2.9:5060"]);
  });

  test("keeps the transport that NAPTR chose when SRV records are missing (§4.2)", () => {
    const half: Zone = {
      naptr: { "example.com": [naptr(1, 1, "SIP+D2T", "_sip._tcp.example.com")] },
      host: { "example.com": ["192.0.2.9"] },
    };
    expect(locate("sip:example.com", half).found).toEqual(["tcp 192.0.2.9:5060"]);
  });

  test("leads nowhere when its service is decidedly not there (RFC 2782: target .)", () => {
    const none: Zone = {
      srv: { "_sip._udp.example.com": [srv(0, 0, 0, ".")] },
      host: { "example.com": ["192.0.2.9"] },
    };
    expect(locate("sip:example.com", none).found).toEqual([]);
  });

  test("is not asked of name servers when it is this machine's (RFC 6761 §6.3)", () => {
    const zone: Zone = { host: { localhost: ["127.0.0.1"] } };
    expect(locate("sip:localhost", zone)).toEqual({
      queries: ["host localhost"],
      found: ["udp 127.0.0.1:5060"],
    });
  });

  test("leads to so many destinations and no more, each once", () => {
    const many = Array.from({ length: 200 }, (_, index) => srv(index, 0, 5060, `h${index}`));
    const host = Object.fromEntries(many.map(({ target }, index) => [target, [`10.0.0.${index}`]]));
    const { found, queries } = locate("sip:example.com", {
      srv: { "_sip._udp.example.com": [srv(0, 0, 5060, "h0"), ...many] },
      host,
    });
    expect(found.length).toBeLessThan(DESTINATIONS_MAX + 1);
    expect(new Set(found).size).toBe(found.length);
    expect(queries.length).toBeLessThan(DESTINATIONS_MAX + 4);
  });

  test("is not moved by answers that nobody asked for", () => {
    const hop = nextHopOf("sip:example.com");
    if (hop === undefined) throw new Error("no hop");
    const random = new SeededRandom(1);
    const location = new Location({ hop, available: ALL, preferred: USUAL, random });
    location.receiveHost("example.com", ["203.0.113.66"]);
    location.receiveSrv("_sip._udp.example.com", [srv(0, 0, 666, "evil.example")]);
    expect(location.queries).toEqual([{ type: "naptr", name: "example.com" }]);
    expect(location.destinations).toEqual([]);
  });
});

describe("RFC 2782 the order of SRV records", () => {
  /** How often each target comes first, in thousands of draws. */
  function firsts(records: readonly SrvRecord[], draws: number): Map<string, number> {
    const random = new SeededRandom(42);
    const counts = new Map<string, number>();
    for (let draw = 0; draw < draws; draw++) {
      const target = orderSrv(records, random)[0]?.target ?? "";
      counts.set(target, (counts.get(target) ?? 0) + 1);
    }
    return counts;
  }

  test("is by priority first, and has every record once", () => {
    const records = [srv(2, 9, 1, "c"), srv(1, 1, 1, "b"), srv(0, 0, 1, "a"), srv(1, 5, 1, "d")];
    for (let seed = 1; seed <= 20; seed++) {
      const targets = orderSrv(records, new SeededRandom(seed)).map(({ target }) => target);
      expect(targets[0]).toBe("a");
      expect([...targets.slice(1, 3)].sort()).toEqual(["b", "d"]);
      expect(targets[3]).toBe("c");
    }
  });

  test("draws by weight: 1, 3 and 6 in ten", () => {
    const counts = firsts([srv(0, 10, 1, "a"), srv(0, 30, 1, "b"), srv(0, 60, 1, "c")], 4000);
    for (const [target, share] of [["a", 0.1], ["b", 0.3], ["c", 0.6]] as const) {
      expect(Math.abs((counts.get(target) ?? 0) / 4000 - share)).toBeLessThan(0.03);
    }
  });

  test("leaves weight 0 a very small chance beside others", () => {
    const counts = firsts([srv(0, 99, 1, "heavy"), srv(0, 0, 1, "none")], 4000);
    expect(counts.get("none") ?? 0).toBeGreaterThan(0);
    expect(counts.get("none") ?? 0).toBeLessThan(120);
  });

  test("takes records of weight 0 alone as they come", () => {
    const records = [srv(0, 0, 1, "a"), srv(0, 0, 1, "b")];
    expect(orderSrv(records, new SeededRandom(3)).map(({ target }) => target)).toEqual(["a", "b"]);
  });
});
