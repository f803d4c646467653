import { createRuntime } from "../../src/runtime/runtime.ts";
import { startDnsStub } from "../support/dns_stub.ts";
import { type Check, holds, rejection, same } from "./check.ts";

const RECORDS = {
  a: {
    "two.example.test": ["192.0.2.1", "192.0.2.2"],
    "both.example.test": ["192.0.2.3"],
    "other.example.test": ["192.0.2.4"],
  },
  aaaa: { "both.example.test": ["2001:db8::3"], "six.example.test": ["2001:db8::6"] },
  srv: {
    "_sip._udp.example.test": [
      { priority: 10, weight: 60, port: 5060, target: "two.example.test" },
      { priority: 20, weight: 0, port: 5070, target: "both.example.test" },
    ],
    "_sip._tcp.example.test": [{ priority: 0, weight: 0, port: 0, target: "." }],
  },
  naptr: {
    "example.test": [
      {
        order: 50,
        preference: 50,
        flags: "s",
        service: "SIPS+D2T",
        replacement: "_sips._tcp.example.test",
      },
      {
        order: 90,
        preference: 50,
        flags: "S",
        service: "SIP+D2U",
        replacement: "_sip._udp.example.test",
      },
    ],
  },
  silent: ["silent.example.test"],
};

/** Checks of names. */
export const DNS_CHECKS: Readonly<Record<string, Check>> = {
  "names: addresses, SRV and NAPTR come from the name servers that are named": async (runtime) => {
    const stub = await startDnsStub(runtime, RECORDS);
    const asking = createRuntime({ nameServers: [stub.address] });
    same(await asking.resolveHost("two.example.test"), RECORDS.a["two.example.test"]);
    same(await asking.resolveHost("both.example.test"), ["192.0.2.3", "2001:db8::3"]);
    same(await asking.resolveHost("six.example.test"), ["2001:db8::6"]);
    same(await asking.resolveHost("192.0.2.9"), ["192.0.2.9"]);
    const local = await asking.resolveHost("localhost");
    holds(local.includes("127.0.0.1") || local.includes("::1"), "localhost is loopback");
    const byOrder = (await asking.resolveSrv("_sip._udp.example.test")).toSorted((one, other) =>
      one.priority - other.priority
    );
    same(byOrder, RECORDS.srv["_sip._udp.example.test"]);
    const services = (await asking.resolveNaptr("example.test")).toSorted((one, other) =>
      one.order - other.order
    );
    same(services, RECORDS.naptr["example.test"]);
    holds(stub.queries.includes("NAPTR example.test"), "the stub was asked");
    stub.close();
  },

  "names: what is not there is empty, and has no address": async (runtime) => {
    const stub = await startDnsStub(runtime, RECORDS);
    const asking = createRuntime({ nameServers: [stub.address] });
    // A name that is there, without such records, and one that is not.
    for (const name of ["example.test", "nobody.example.test"]) {
      same(await asking.resolveSrv(name), []);
      const error = await rejection(asking.resolveHost(name));
      same(error.message, `Cannot find the address of "${name}": no such name`);
    }
    same(await asking.resolveNaptr("two.example.test"), []);
    same(await asking.resolveNaptr("nobody.example.test"), []);
    // The root as a target: decidedly nothing. RFC 2782
    const [none] = await asking.resolveSrv("_sip._tcp.example.test");
    same(none, { priority: 0, weight: 0, port: 0, target: "" });
    stub.close();
  },

  "names: a name server that is silent is followed by the next": async (runtime) => {
    const silent = await startDnsStub(runtime, { silent: ["other.example.test"] });
    const stub = await startDnsStub(runtime, RECORDS);
    const asking = createRuntime({ nameServers: [silent.address, stub.address] });
    same(await asking.resolveHost("other.example.test"), ["192.0.2.4"]);
    const asked = silent.queries.length;
    holds(asked > 0, "the first was asked first");
    same(await asking.resolveHost("two.example.test"), RECORDS.a["two.example.test"]);
    same(silent.queries.length, asked);
    silent.close();
    stub.close();
  },

  "names: no answer at all is an error": async (runtime) => {
    const stub = await startDnsStub(runtime, RECORDS);
    const asking = createRuntime({ nameServers: [stub.address] });
    const error = await rejection(asking.resolveSrv("silent.example.test"));
    holds(error instanceof Error, "it says so");
    stub.close();
  },

  "names: what is no address is no name server": () => {
    for (const server of ["localhost:53", "127.0.0.1:port", ""]) {
      let message = "";
      try {
        createRuntime({ nameServers: [server] });
      } catch (error) {
        message = (error as Error).message;
      }
      holds(message.startsWith(`"${server}" is no name server`), `"${server}" is refused`);
    }
    return Promise.resolve();
  },
};
