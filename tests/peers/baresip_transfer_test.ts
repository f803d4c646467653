import { afterEach, beforeEach, describe, expect } from "bun:test";
import { peerTest } from "../support/peers.ts";
import { laterCorrelations, PHONE_TRANSPORTS, PhoneRig } from "./phone_rig.ts";
import { sweep } from "./sound.ts";

const CORRELATION_MIN = 0.99;

let rig: PhoneRig;

beforeEach(() => {
  rig = new PhoneRig();
});

afterEach(() => rig.close());

describe("the handler transfers baresip, RFC 3515 §2.4.4", () => {
  for (const transport of PHONE_TRANSPORTS) {
    peerTest(`${transport}: to another baresip, which hears it`, ["baresip"], async () => {
      const sound = sweep(15_000);
      const other = await rig.baresip({ transport, answers: true });
      const keys = { "1": [{ command: "transfer", to: other.uri }] };
      const server = await rig.gateway({ routes: [{ exec: rig.echo(keys) }] });
      const phone = await rig.baresip({ transport, sound });
      await phone.command("dial", `sip:100@${server.at(transport)}`);
      await phone.event("CALL_ESTABLISHED");
      await Bun.sleep(500);
      await phone.command("sndcode", "1");
      await other.event("CALL_ESTABLISHED");
      const [record] = await server.ended(1);
      await server.idle();
      await Bun.sleep(1500);
      const { heard, output } = await other.finish();
      expect({ cause: record?.cause, output }).toEqual({ cause: "transferred", output });
      expect(rig.told(["transfer"]).at(-1)).toMatchObject({ status: "accepted", sip_status: 200 });
      expect(laterCorrelations(sound, heard)[0]).toBeGreaterThan(CORRELATION_MIN);
    });
  }

  peerTest("to another route of the gateway", ["baresip"], async () => {
    const keys = (at: string) => ({ "1": [{ command: "transfer", to: `sip:second@${at}` }] });
    const second = await rig.gateway({ routes: [{ when: { user: "second" }, echo: true }] });
    const server = await rig.gateway({ routes: [{ exec: rig.echo(keys(second.udp)) }] });
    const phone = await rig.baresip();
    await phone.command("dial", `sip:first@${server.udp}`);
    await phone.event("CALL_ESTABLISHED");
    await Bun.sleep(300);
    await phone.command("sndcode", "1");
    const [record] = await server.ended(1);
    await phone.event("CALL_ESTABLISHED", 5000, 2);
    await Bun.sleep(500);
    await phone.command("hangup");
    const [other] = await second.ended(1);
    expect(record?.cause).toBe("transferred");
    expect(other).toMatchObject({ cause: "caller_hangup", call: { user: "second" } });
    expect(other?.statistics.packets_received).toBeGreaterThan(10);
    await Promise.all([server.idle(), second.idle()]);
  });

  peerTest("to nobody: the call goes on, RFC 3515 §2.4.5", ["baresip"], async () => {
    const refusing = await rig.gateway({ routes: [{ reject: 486 }] });
    const keys = { "1": [{ command: "transfer", to: `sip:x@${refusing.udp}` }] };
    const server = await rig.gateway({ routes: [{ exec: rig.echo(keys) }] });
    const phone = await rig.baresip();
    await phone.command("dial", `sip:first@${server.udp}`);
    await phone.event("CALL_ESTABLISHED");
    await Bun.sleep(300);
    await phone.command("sndcode", "1");
    await rig.untilTold("dtmf");
    await Bun.sleep(1000);
    expect(server.records).toEqual([]);
    expect(rig.told(["transfer"]).at(-1)).toMatchObject({ status: "failed", sip_status: 486 });
    await phone.command("hangup");
    await server.ended(1);
    await server.idle();
  });
});

describe("baresip has the gateway call somebody else, RFC 3515 §2.4.2", () => {
  for (const transport of PHONE_TRANSPORTS) {
    peerTest(`${transport}: the same program talks to another baresip`, ["baresip"], async () => {
      const other = await rig.baresip({ transport, answers: true, sound: sweep(2000) });
      const server = await rig.gateway({
        routes: [{ exec: rig.echo() }],
        sip: { refer: "any" },
      });
      const phone = await rig.baresip({ transport });
      await phone.command("dial", `sip:100@${server.at(transport)}`);
      await phone.event("CALL_ESTABLISHED");
      await Bun.sleep(500);
      // It writes no brackets, without which a parameter is none of the URI's: RFC 3261 §20.10
      await phone.command("transfer", `<${other.uri}>`);
      await other.event("CALL_ESTABLISHED");
      await phone.event("CALL_CLOSED");
      await other.event("CALL_CLOSED");
      const { sent, heard, output } = await other.finish();
      const [record] = await server.ended(1);
      await server.idle();
      expect(server.records).toHaveLength(1);
      expect({ cause: record?.cause, output }).toEqual({ cause: "caller_hangup", output });
      expect(rig.told(["start", "end"])).toHaveLength(2);
      for (const found of laterCorrelations(sent, heard)) {
        expect(found).toBeGreaterThan(CORRELATION_MIN);
      }
    });
  }

  peerTest("which the operator has not allowed: nobody is called", ["baresip"], async () => {
    const other = await rig.baresip({ answers: true });
    const server = await rig.gateway({ routes: [{ exec: rig.echo() }] });
    const phone = await rig.baresip();
    await phone.command("dial", `sip:100@${server.udp}`);
    await phone.event("CALL_ESTABLISHED");
    await phone.command("transfer", other.uri);
    expect((await phone.event("TRANSFER_FAILED")).param).toStartWith("603");
    // A refused REFER is the end of the dialog for it
    const [record] = await server.ended(1);
    expect(record?.cause).toBe("caller_hangup");
    await server.idle();
    expect(server.records).toHaveLength(1);
    expect(other.events).toEqual([]);
  });
});
