import { afterEach, beforeEach, describe, expect } from "bun:test";
import { until } from "../support/gateway.ts";
import { peerTest } from "../support/peers.ts";
import { type KamailioPbxOptions, type RunningKamailio, startKamailioPbx } from "./kamailio.ts";
import { type PhoneGateway, PhoneRig, type PhoneTransport } from "./phone_rig.ts";
import { voicegwCall } from "./voicegw_call.ts";

/** How the gateway registers, and by what it proves itself. */
interface Row {
  readonly transport: PhoneTransport;
  readonly algorithm: NonNullable<KamailioPbxOptions["algorithm"]>;
}

const ROWS: readonly Row[] = [
  { transport: "udp", algorithm: "MD5" },
  { transport: "tcp", algorithm: "SHA-256" },
  { transport: "tls", algorithm: "MD5" },
];

const PASSWORD = "correct horse";

let rig: PhoneRig;
const kamailios: RunningKamailio[] = [];

beforeEach(() => {
  rig = new PhoneRig();
});

afterEach(async () => {
  await rig.close();
  for (const kamailio of kamailios.splice(0)) await kamailio.stop();
});

async function startPbx(
  options: Partial<KamailioPbxOptions> = {},
): Promise<RunningKamailio> {
  const kamailio = await startKamailioPbx({ password: PASSWORD, ...options });
  kamailios.push(kamailio);
  return kamailio;
}

/** Registered as 100, and open for calls of the registrar alone. */
function startRegistered(
  { address: { port } }: RunningKamailio,
  given: {
    readonly transport?: PhoneTransport;
    readonly password?: string;
    readonly expires?: string;
  } = {},
): Promise<PhoneGateway> {
  const { transport = "udp", password = PASSWORD, expires = "1m" } = given;
  const at = `127.0.0.1:${transport === "tls" ? port + 1 : port}`;
  return rig.gateway({
    sip: { t1: "100ms", allow: ["192.0.2.1"] },
    routes: [{ name: "office", when: { registration: "office" }, echo: true }],
    registrations: [{
      name: "office",
      registrar: `sip:${at};transport=${transport}`,
      aor: "sip:100@127.0.0.1",
      password,
      expires,
    }],
  });
}

async function untilRegistered(server: PhoneGateway, kamailio: RunningKamailio): Promise<void> {
  await until(
    () => server.gateway.registrations[0]?.registered === true,
    5000,
    () => `${JSON.stringify(server.gateway.registrations)}; Kamailio says: ${kamailio.log()}`,
  );
}

/** Calls the registered address at Kamailio. */
async function callOffice({ address, log }: RunningKamailio): Promise<{ status: string }> {
  const { output } = await voicegwCall(`sip:100@127.0.0.1:${address.port}`, [
    ...["--duration", "300ms"],
  ]);
  const status = /not answered: (\d+)|the call worked/.exec(output)?.[0];
  return { status: status ?? `${output}; Kamailio says: ${log()}` };
}

/** REGISTERs that Kamailio has seen. */
function registers({ log }: RunningKamailio): number {
  return log().split("\n").filter((line) => line.includes("REGISTER 100")).length;
}

describe("registered at Kamailio, RFC 3261 §10", () => {
  for (const { transport, algorithm } of ROWS) {
    peerTest(
      `over ${transport} by ${algorithm}: calls come, until we stop`,
      ["kamailio", "kamailio-tls"],
      async () => {
        const kamailio = await startPbx({ algorithm });
        const server = await startRegistered(kamailio, { transport });
        await untilRegistered(server, kamailio);
        expect(await callOffice(kamailio)).toEqual({ status: "the call worked" });
        const [record] = await server.ended(1);
        expect(record?.call).toMatchObject({ registration: "office", route: "office", transport });
        await server.idle();
        await server.gateway.stop();
        expect(await callOffice(kamailio)).toEqual({ status: "not answered: 404" });
      },
    );
  }

  peerTest(
    "423: asks for as long as Kamailio wants, §10.2.8",
    ["kamailio", "kamailio-tls"],
    async () => {
      const kamailio = await startPbx({ minExpires: 90 });
      const server = await startRegistered(kamailio, { expires: "30s" });
      await untilRegistered(server, kamailio);
      const [status] = server.gateway.registrations;
      expect(status?.expires_in_ms).toBeGreaterThan(80_000);
      expect(kamailio.log()).toContain("expires 90");
    },
  );

  peerTest(
    "a Kamailio that has lost its memory knows us again",
    ["kamailio", "kamailio-tls"],
    async () => {
      const before = await startPbx();
      const server = await startRegistered(before, { expires: "7s" });
      await untilRegistered(server, before);
      await before.stop();
      const after = await startPbx({ port: before.address.port });
      expect(await callOffice(after)).toEqual({ status: "not answered: 404" });
      await until(
        () => registers(after) > 0,
        10_000,
        () => `no REGISTER; ${JSON.stringify(server.gateway.registrations)}`,
      );
      await Bun.sleep(300);
      await untilRegistered(server, after);
      expect(await callOffice(after)).toEqual({ status: "the call worked" });
    },
  );

  peerTest(
    "a wrong password is told once, and not tried again soon",
    ["kamailio", "kamailio-tls"],
    async () => {
      const kamailio = await startPbx();
      const server = await startRegistered(kamailio, { password: "wrong" });
      await until(
        () => server.gateway.registrations[0]?.state === "waiting",
        5000,
        () => `${JSON.stringify(server.gateway.registrations)}; ${kamailio.log()}`,
      );
      // Kamailio writes its log a little later
      await Bun.sleep(500);
      const asked = registers(kamailio);
      await Bun.sleep(2000);
      expect(registers(kamailio)).toBe(asked);
      expect(asked).toBeLessThanOrEqual(6);
      expect(server.logs.filter((line) => line.includes("401"))).toHaveLength(1);
      const [status] = server.gateway.registrations;
      expect(status).toMatchObject({ registered: false, reason: "401 Unauthorized" });
      expect(status?.next_in_ms).toBeGreaterThan(20_000);
      expect(await callOffice(kamailio)).toEqual({ status: "not answered: 404" });
    },
  );
});
